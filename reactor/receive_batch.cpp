#include "reactor/receive_batch.hpp"

#include "reactor/platform/datagram_features.hpp"
#include "reactor/platform/sys.hpp"

namespace reactor::inline v0 {
std::size_t ReceiveBatch::most_bytes() {
  constexpr std::size_t most_datagrams = max_messages * 64;  // UDP_MAX_SEGMENTS of older kernels.
  return sizeof(ReceiveBatch) + max_messages * stride + most_datagrams * sizeof(Datagram);
}

ReceiveBatch::ReceiveBatch()
    : memory_(std::make_unique_for_overwrite<std::byte[]>(max_messages * stride)) {
  for (unsigned i = 0; i < max_messages; ++i) {
    parts_[i] = {memory_.get() + i * stride, stride};
    msghdr& message = messages_[i].header;
    message.msg_name = senders_[i].data();
    message.msg_iov = &parts_[i];
    message.msg_iovlen = 1;
    message.msg_control = &controls_[i];
    make_ready(i);
  }
}

int ReceiveBatch::receive(int fd) { return sys::recvmmsg(fd, messages_.data(), max_messages, 0); }

ReceiveBatch::Received ReceiveBatch::datagrams(int count, const Address* arrived_at) {
  datagrams_.clear();
  std::size_t truncated = 0;
  for (unsigned i = 0; i < static_cast<unsigned>(count); ++i) {
    msghdr& message = messages_[i].header;
    std::span<const std::byte> bytes(memory_.get() + i * stride, messages_[i].length);
    if (senders_[i].size() != message.msg_namelen) senders_[i].resize(message.msg_namelen);
    const PacketInfo* packet_info = nullptr;
    std::size_t segment = 0;
    if (message.msg_controllen > 0 || arrived_at) {
      if (arrived_at) packet_infos_[i] = {};
      segment = platform::read_control(message, packet_infos_[i]);
      if (arrived_at) {
        packet_infos_[i].destination.set_port(arrived_at->port());
        packet_info = &packet_infos_[i];
      }
    }
    const bool is_truncated = (message.msg_flags & MSG_TRUNC) != 0;
    truncated += is_truncated ? 1 : 0;
    for (; segment > 0 && bytes.size() > segment; bytes = bytes.subspan(segment)) {
      datagrams_.push_back({bytes.first(segment), senders_[i], packet_info, false});
    }
    datagrams_.push_back({bytes, senders_[i], packet_info, is_truncated});
    make_ready(i);
  }
  return {datagrams_, truncated};
}

}  // namespace reactor
