// The datagrams for which the kernel has no room yet, by receiver. Internal.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <unordered_map>

#include "reactor/datagram_batch.hpp"
#include "reactor/datagram_types.hpp"
#include "reactor/write_status.hpp"

namespace reactor::inline v0 {

/// Holds a limited number of bytes. With unix sockets each receiver has its own line, so that a
/// receiver that does not read delays only its own datagrams. Other sockets have one line for all
/// receivers, since the kernel has one buffer for all that a socket sends.
///
/// Cost      One hash table look-up for each datagram that is sent while others wait.
class DatagramQueue {
 public:
  struct Limits {
    std::size_t max_bytes;
    WhenFull when_full;
    bool by_receiver;
  };

  /// The memory of a datagram beside its bytes: its addresses, and perhaps a line of its own.
  static constexpr std::size_t overhead = 256;

  /// Counts in `counters` what it drops.
  DatagramQueue(const Limits& limits, DatagramCounters& counters)
      : limits_(limits), counters_(counters) {}

  /// True when no datagram waits, and no caller that got `refused`.
  [[nodiscard]] bool empty() const { return lines_.empty(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t receivers() const { return lines_.size(); }

  /// True when a datagram to this receiver has to wait, because earlier ones do.
  [[nodiscard]] bool blocks(const sockaddr* to, socklen_t to_size) const;

  /// Copies the datagram and returns `queued`, or returns what happened to it instead. If there are
  /// several receivers, one gets no more room than it leaves to all others.
  WriteStatus add(const Outgoing& datagram);

  /// Sends what the kernel has room for. `transmit` is called with some datagrams of one line and
  /// returns how many of them are done. Returns true when any are.
  template <class Transmit>
  [[nodiscard]] bool send(Transmit transmit);

  /// Removes all datagrams and counts them as dropped. `discarded` is called with the first of each
  /// line before it is removed.
  template <class Discarded>
  void discard(Discarded discarded);

  /// True when a line that returned `refused` has room again; returns true once for each.
  [[nodiscard]] bool take_drained();

  /// Gives a receiver to the datagrams that have none.
  void set_receiver(const Address& to);

 private:
  /// The receiver's address, the sender's, and the bytes, in one allocation.
  class Packed {
   public:
    explicit Packed(const Outgoing& datagram);
    [[nodiscard]] Outgoing outgoing() const;
    [[nodiscard]] std::size_t size() const { return bytes_ + overhead; }

   private:
    std::unique_ptr<std::byte[]> data_;
    std::uint32_t bytes_;
    std::uint16_t to_size_;
    std::uint16_t from_size_;
  };

  struct Line {
    std::list<Packed> waiting;
    std::size_t bytes = 0;
    std::size_t bytes_when_refused = 0;
    bool was_refused = false;
  };
  using Lines = std::unordered_map<Address, Line>;

  [[nodiscard]] Address receiver(const sockaddr* to, socklen_t to_size) const;
  [[nodiscard]] bool fits(std::size_t line_bytes, std::size_t size) const;
  void drop_oldest_of_longest();
  void pop(Line& line);

  const Limits limits_;
  DatagramCounters& counters_;
  Lines lines_;  // Contains no empty line, unless `refused` was returned for it.
  std::size_t bytes_ = 0;
};

template <class Transmit>
bool DatagramQueue::send(Transmit transmit) {
  bool progress = false;
  for (auto entry = lines_.begin(); entry != lines_.end();) {
    Line& line = entry->second;
    std::size_t done = 1;
    while (!line.waiting.empty() && done > 0) {
      std::array<Outgoing, DatagramBatch::max_messages> outgoing;
      std::size_t count = 0;
      for (const Packed& packed : line.waiting) {
        if (count == outgoing.size()) break;
        outgoing[count++] = packed.outgoing();
      }
      done = transmit(std::span(outgoing).first(count));
      for (std::size_t i = 0; i < done; ++i) pop(line);
      progress = progress || done > 0;
      if (done < count) break;
    }
    entry = line.waiting.empty() && !line.was_refused ? lines_.erase(entry) : std::next(entry);
  }
  return progress;
}

template <class Discarded>
void DatagramQueue::discard(Discarded discarded) {
  for (auto entry = lines_.begin(); entry != lines_.end();) {
    Line& line = entry->second;
    if (!line.waiting.empty()) discarded(line.waiting.front().outgoing());
    counters_.dropped += line.waiting.size();
    while (!line.waiting.empty()) pop(line);
    entry = line.was_refused ? std::next(entry) : lines_.erase(entry);
  }
}

}  // namespace reactor
