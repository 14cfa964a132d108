#include "reactor/datagram_queue.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace reactor::inline v0 {
namespace {

// The next item after the bytes of an address begins aligned.
std::size_t aligned(std::size_t size) { return (size + 7) / 8 * 8; }

}  // namespace

DatagramQueue::Packed::Packed(const Outgoing& datagram)
    : bytes_(static_cast<std::uint32_t>(datagram.bytes.size())),
      to_size_(static_cast<std::uint16_t>(datagram.to_size)),
      from_size_(static_cast<std::uint16_t>(datagram.from ? size_of(*datagram.from) : 0)) {
  const std::size_t from_at = aligned(to_size_);
  const std::size_t bytes_at = from_at + aligned(from_size_);
  data_ = std::make_unique_for_overwrite<std::byte[]>(bytes_at + bytes_);
  if (to_size_ > 0) std::memcpy(data_.get(), datagram.to, to_size_);
  if (from_size_ > 0) std::memcpy(data_.get() + from_at, datagram.from, from_size_);
  if (bytes_ > 0) std::memcpy(data_.get() + bytes_at, datagram.bytes.data(), bytes_);
}

Outgoing DatagramQueue::Packed::outgoing() const {
  const std::size_t from_at = aligned(to_size_);
  const std::size_t bytes_at = from_at + aligned(from_size_);
  const auto address_at = [this](std::size_t at, std::size_t size) {
    return size > 0 ? reinterpret_cast<const sockaddr*>(data_.get() + at) : nullptr;
  };
  return {address_at(0, to_size_),
          to_size_,
          address_at(from_at, from_size_),
          {data_.get() + bytes_at, bytes_}};
}

Address DatagramQueue::receiver(const sockaddr* to, socklen_t to_size) const {
  return limits_.by_receiver && to ? Address::from(to, to_size) : Address();
}

bool DatagramQueue::blocks(const sockaddr* to, socklen_t to_size) const {
  return !lines_.empty() && lines_.contains(receiver(to, to_size));
}

bool DatagramQueue::fits(std::size_t line_bytes, std::size_t size) const {
  const std::size_t left = limits_.max_bytes - bytes_;
  if (size > left) return false;
  if (!limits_.by_receiver || limits_.when_full == WhenFull::drop_oldest) return true;
  return line_bytes + size <= left;
}

WriteStatus DatagramQueue::add(const Outgoing& datagram) {
  const std::size_t size = datagram.bytes.size() + overhead;
  const Address to = receiver(datagram.to, datagram.to_size);
  if (limits_.when_full == WhenFull::drop_oldest && size <= limits_.max_bytes) {
    while (!fits(0, size)) drop_oldest_of_longest();
  }
  const auto known = lines_.find(to);
  const std::size_t line_bytes = known == lines_.end() ? 0 : known->second.bytes;
  if (!fits(line_bytes, size)) {
    if (limits_.when_full != WhenFull::refuse) {
      ++counters_.dropped;
      return WriteStatus::dropped;
    }
    Line& line = lines_[to];
    line.was_refused = true;
    line.bytes_when_refused = line.bytes;
    return WriteStatus::refused;
  }
  Line& line = known == lines_.end() ? lines_[to] : known->second;
  line.waiting.emplace_back(datagram);
  line.bytes += size;
  bytes_ += size;
  return WriteStatus::queued;
}

void DatagramQueue::pop(Line& line) {
  const std::size_t size = line.waiting.front().size();
  line.waiting.pop_front();
  line.bytes -= size;
  bytes_ -= size;
}

void DatagramQueue::drop_oldest_of_longest() {
  const auto longest = std::max_element(
      lines_.begin(), lines_.end(),
      [](const auto& left, const auto& right) { return left.second.bytes < right.second.bytes; });
  pop(longest->second);
  ++counters_.dropped;
  if (longest->second.waiting.empty()) lines_.erase(longest);
}

bool DatagramQueue::take_drained() {
  bool drained = false;
  for (auto entry = lines_.begin(); entry != lines_.end();) {
    Line& line = entry->second;
    if (line.was_refused && line.bytes <= line.bytes_when_refused / 2) {
      line.was_refused = false;
      drained = true;
    }
    entry = line.waiting.empty() && !line.was_refused ? lines_.erase(entry) : std::next(entry);
  }
  return drained;
}

void DatagramQueue::set_receiver(const Address& to) {
  for (auto& [receiver, line] : lines_) {
    for (Packed& packed : line.waiting) {
      Outgoing outgoing = packed.outgoing();
      if (outgoing.to) continue;
      outgoing.to = to.data();
      outgoing.to_size = to.size();
      packed = Packed(outgoing);
    }
  }
}

}  // namespace reactor
