// Accepting connections one by one.
#pragma once

#include <deque>
#include <optional>
#include <string_view>
#include <utility>

#include "reactor/address.hpp"
#include "reactor/coroutine/connection.hpp"
#include "reactor/coroutine/detail/event_source.hpp"
#include "reactor/handle.hpp"
#include "reactor/listener.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"
#include "reactor/socket.hpp"
#include "reactor/stream.hpp"

namespace reactor::inline v0 {

/// A Listener whose connections are awaited, for a program that serves few peers. serve() is for
/// servers: it limits what unknown clients may use.
///
///     auto acceptor = Acceptor::listen(loop, "unix:/run/control");
///     while (auto client = co_await acceptor->accept()) co_await serve_operator(std::move(*client));
///
/// While no task waits, connections stay in the kernel's backlog. An accept() that is cancelled
/// loses none.
///
/// Lifetime  As Listener. What waits for it when it is destroyed continues with operation_canceled.
/// Thread    The loop's thread only.
class Acceptor {
  struct State final : detail::EventSource<State> {
    using Event = Connection;
    static constexpr bool borrows = false;

    explicit State(Loop& on) : loop(on) {}

    std::optional<Connection> next() {
      if (accepted.empty()) return std::nullopt;
      Connection first(std::move(accepted.front()));
      accepted.pop_front();
      return first;
    }
    void go_on() { listener->resume(); }
    void stop() {
      if (listener) listener->pause();
    }
    void end() {
      listener.reset();
      accepted.clear();
    }
    void take(Socket socket, const Address& peer) {
      accepted.emplace_back(loop, std::move(socket), peer);
      this->notify();
    }

    Loop& loop;
    std::optional<Listener> listener;
    std::deque<Stream> accepted;  // For accept(), which takes one at a time.
  };

 public:
  /// Listens on all addresses of `HOST:PORT`, on `[::1]:PORT` or on `unix:PATH`.
  ///
  /// Errors    As Listener::listen.
  [[nodiscard]] static Result<Acceptor> listen(Loop& loop, std::string_view endpoint,
                                               ListenOptions options = {}) {
    Acceptor acceptor(loop);
    auto listener =
        Listener::listen(loop, endpoint, options,
                         [state = acceptor.state_.get()](Socket socket, const Address& peer) {
                           state->take(std::move(socket), peer);
                         });
    if (!listener) return Failure(listener.error());
    listener->pause();
    acceptor.state_->listener.emplace(std::move(*listener));
    return acceptor;
  }

  /// The next connection.
  [[nodiscard]] detail::AwaitEvent<State> accept() { return detail::AwaitEvent<State>(*state_); }

  /// The address on which it listens; of several addresses the first.
  [[nodiscard]] const Address& address() const { return state_->listener->address(); }

 private:
  explicit Acceptor(Loop& loop) : state_(new State(loop)) {}

  Handle<State> state_;
};

}  // namespace reactor
