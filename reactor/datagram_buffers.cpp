#include "reactor/datagram_buffers.hpp"

#include <cstring>

namespace reactor::inline v0 {

std::size_t DatagramBuffers::most_bytes() {
  return sizeof(DatagramBuffers) - sizeof(ReceiveBatch) + ReceiveBatch::most_bytes() +
         max_copied_bytes;
}

DatagramBuffers::DatagramBuffers()
    : copied_(std::make_unique_for_overwrite<std::byte[]>(max_copied_bytes)) {}

std::byte* DatagramBuffers::copy(const void* data, std::size_t size) {
  std::byte* const to = copied_.get() + copied_bytes_;
  if (size > 0) std::memcpy(to, data, size);
  // Only the kernel reads addresses in place, but they are aligned anyway.
  copied_bytes_ += (size + 7) / 8 * 8;
  return to;
}

bool DatagramBuffers::add_copy(const Address* to, const PacketInfo* from, Bytes bytes) {
  const auto holds = [this](const void* data) {
    return received.holds_bytes(data) || received.holds_sender(data);
  };
  const bool keep_bytes = holds(bytes.data());
  const bool has_source = from && from->local.family() != Family::unix_socket;
  const std::size_t to_copy = (to ? Address::capacity() : 0) +
                              (has_source ? Address::capacity() : 0) +
                              (keep_bytes ? 0 : bytes.size()) + 24;
  if (outgoing_count_ == DatagramBatch::max_datagrams || to_copy > max_copied_bytes - copied_bytes_)
    return false;

  // Bursts have the same addresses, so each address is copied once.
  const Outgoing* const last = outgoing_count_ > 0 ? &outgoing_[outgoing_count_ - 1] : nullptr;
  Outgoing& added = outgoing_[outgoing_count_++];
  added.to = nullptr;
  added.to_size = to ? to->size() : 0;
  if (to && holds(to)) {
    added.to = to->data();
  } else if (to) {
    const bool same = last && last->to && last->to_size == to->size() &&
                      std::memcmp(last->to, to->data(), to->size()) == 0;
    added.to = same ? last->to : copy(to->data(), to->size());
  }
  added.from = nullptr;
  if (has_source && received.holds_packet_info(from)) {
    added.from = from->local.data();
  } else if (has_source) {
    const sockaddr* const local = from->local.data();
    const bool same = last && last->from && last->from->sa_family == local->sa_family &&
                      std::memcmp(last->from, local, size_of(*local)) == 0;
    added.from = same ? last->from : copy(local, size_of(*local));
  }
  added.bytes = keep_bytes ? bytes : Bytes(copy(bytes.data(), bytes.size()), bytes.size());
  return true;
}

}  // namespace reactor
