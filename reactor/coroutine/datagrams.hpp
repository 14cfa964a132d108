// Datagrams that are awaited.
#pragma once

#include <optional>
#include <span>
#include <utility>

#include "reactor/coroutine/detail/event_source.hpp"
#include "reactor/datagram.hpp"
#include "reactor/datagram_types.hpp"
#include "reactor/handle.hpp"

namespace reactor::inline v0 {

/// A DatagramSocket whose input is awaited.
///
///     Task<> echo(Datagrams datagrams) {
///       while (auto batch = co_await datagrams.receive()) {
///         for (const Datagram& one : *batch) datagrams.socket().reply(one, one.bytes);
///       }
///     }
///
/// While no task waits, nothing is read: the kernel drops what does not fit into its buffer.
///
/// Lifetime  As DatagramSocket. What waits when it is destroyed continues with operation_canceled.
/// Thread    The loop's thread only.
class Datagrams {
  struct State final : detail::EventSource<State> {
    using Event = std::span<const Datagram>;
    static constexpr bool borrows = true;

    explicit State(DatagramSocket from) : socket(std::move(from)) {
      socket->on_received([this](Event batch) { take(batch); });
      socket->pause();
    }
    std::optional<Event> next() {
      if (received.empty()) return std::nullopt;
      return std::exchange(received, {});
    }
    void go_on() { socket->resume(); }
    void stop() { socket->pause(); }
    void end() { socket.reset(); }
    void take(Event batch) {
      const Use use(*this);
      received = batch;
      this->notify();
      if (!received.empty() && socket) socket->deliver_later(received);
      received = {};
    }

    std::optional<DatagramSocket> socket;
    Event received;  // Only while its callback runs.
  };

 public:
  /// Takes over a socket, with its on_received.
  explicit Datagrams(DatagramSocket socket) : state_(new State(std::move(socket))) {}

  /// The datagrams that have arrived, at least one. They are valid until the task waits.
  [[nodiscard]] detail::AwaitEvent<State> receive() { return detail::AwaitEvent<State>(*state_); }

  /// For sending, and for its options, counters and addresses.
  [[nodiscard]] DatagramSocket& socket() { return *state_->socket; }

 private:
  Handle<State> state_;
};

}  // namespace reactor
