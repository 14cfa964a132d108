// The datagrams of a socket that wait: when to try them again, and when to give up. Internal.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include "reactor/datagram_queue.hpp"
#include "reactor/datagram_sender.hpp"
#include "reactor/duration.hpp"
#include "reactor/engine.hpp"
#include "reactor/timer.hpp"

namespace reactor::inline v0 {

/// A queue with its timers. Each timer schedules `owner`, whose iteration then calls
/// take_retry_due() and give_up(). Call changed() after each change.
class DatagramBacklog {
 public:
  /// `room_is_reported`: the poller reports `writable` when the kernel has room.
  DatagramBacklog(Source& owner, DatagramSender& sender, DatagramErrors& errors,
                  DatagramCounters& counters, const DatagramQueue::Limits& limits,
                  bool room_is_reported)
      : owner_(owner),
        sender_(sender),
        errors_(errors),
        queue_(limits, counters),
        room_is_reported_(room_is_reported) {}

  [[nodiscard]] bool empty() const { return queue_.empty(); }
  [[nodiscard]] std::size_t bytes() const { return queue_.bytes(); }
  [[nodiscard]] bool blocks(const sockaddr* to, socklen_t to_size) const {
    return queue_.blocks(to, to_size);
  }

  /// Neither a unix peer that is not connected nor a network device reports that it has room.
  [[nodiscard]] bool waits_for_writable() const {
    return !empty() && room_is_reported_ && !sender_.out_of_buffers();
  }

  WriteStatus add(const Outgoing& datagram);

  /// Sends what the kernel has room for.
  void send();

  /// True once when a caller that got `refused` may send again.
  [[nodiscard]] bool take_drained() { return queue_.take_drained(); }

  /// True once when it is time to try again.
  [[nodiscard]] bool take_retry_due();

  /// From now on all datagrams are discarded when none could be sent for `timeout`.
  void drain(Duration timeout);
  [[nodiscard]] bool give_up_due() const { return give_up_due_; }

  /// Discards all datagrams if that is still due after send(): the timer may be late, for example
  /// after the process was stopped. True when there were any.
  bool give_up();

  /// The receiver of the socket changes: what waits keeps the old one.
  void keep_receiver(const Address& to, bool room_is_reported);

  /// Starts and stops the timers.
  void changed();

 private:
  Source& owner_;
  DatagramSender& sender_;
  DatagramErrors& errors_;
  DatagramQueue queue_;
  bool room_is_reported_;
  bool retry_due_ = false;
  bool give_up_due_ = false;

  // Some queues that are full do not report when they have room again. They are tried again, at
  // growing intervals while none of them takes anything.
  static constexpr std::chrono::milliseconds first_retry_after{1};
  static constexpr std::chrono::milliseconds last_retry_after{32};
  std::chrono::milliseconds retry_after_ = first_retry_after;
  std::optional<Timer> retry_;
  Duration drain_timeout_{};
  std::optional<Timer> give_up_;  // Only while draining.
};

}  // namespace reactor
