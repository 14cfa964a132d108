// Streams whose input and output are awaited.
#pragma once

#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/connect_options.hpp"
#include "reactor/coroutine/detail/connection_awaits.hpp"
#include "reactor/coroutine/detail/connection_state.hpp"
#include "reactor/handle.hpp"
#include "reactor/loop.hpp"
#include "reactor/stream.hpp"

namespace reactor::inline v0 {

/// A Stream for one task, or several.
///
///     Task<> echo(Connection connection) {
///       for (;;) {
///         const Result<Connection::Bytes> bytes = co_await connection.read();
///         if (!bytes || bytes->empty()) co_return;
///         co_await connection.write(*bytes);
///       }
///     }
///
/// While no task reads, nothing is read: what arrives stays in the kernel, and the peer has to
/// wait. A read that is cancelled loses no byte.
///
/// Lifetime  Destroying the Connection closes it immediately, as destroying the Stream does; only
///           one that serve() has accepted is closed in order, after what was written. What waits
///           for the Connection then continues with operation_canceled.
/// Thread    The loop's thread only.
/// Cost      About 250 bytes more than its Stream. An await allocates nothing.
class Connection {
 public:
  using Bytes = Stream::Bytes;

  /// Takes over a stream, and all of its callbacks.
  explicit Connection(Stream&& stream) : state_(new detail::ConnectionState(std::move(stream))) {}

  /// Uses a stream that another object owns, such as an output of a Process, and that outlives the
  /// Connection. Takes over all of its callbacks. Destroying the Connection closes it in order.
  explicit Connection(Stream& stream) : state_(new detail::ConnectionState(stream)) {}

  /// Internal: for what serve() accepts.
  explicit Connection(detail::ConnectionState* state) : state_(state) {}

  /// The next bytes, as many as have arrived; none at the end of the input. They are valid until
  /// the task waits: a build with AddressSanitizer reports the use of them after that. One task at
  /// a time.
  ///
  ///     Result<Bytes> bytes = co_await connection.read();
  ///
  /// Errors    Why the connection ended, after all that the peer sent before.
  [[nodiscard]] detail::AwaitRead read() { return detail::AwaitRead(*state_); }

  /// Writes `bytes`, and waits while more than the high-water mark is queued. `sent` or `queued`:
  /// all of them are taken; `closed`: none of them, or the connection ended while the task waited.
  ///
  /// Lifetime  The bytes are copied or sent before the task waits. A task that is destroyed while
  ///           it waits has written all of them.
  detail::AwaitWrite write(Bytes bytes) { return {*state_, bytes}; }
  detail::AwaitWrite write(std::string_view text) { return write(std::as_bytes(std::span(text))); }

  /// Sends the end of the output, after what was written. The peer's bytes still arrive.
  void shutdown() {
    if (Stream* const stream = state_->stream()) stream->shutdown();
  }

  /// Ends the connection in order: see Stream::close(). Returns when both sides have ended.
  ///
  /// Errors    Why it ended otherwise, also if that was earlier.
  [[nodiscard]] detail::AwaitClose close() { return detail::AwaitClose(*state_); }

  /// For its options, limits and addresses, to abort() it or accept() its peer. Null once a
  /// server has ended it. Do not set callbacks, and do not pause() or resume() it.
  [[nodiscard]] Stream* stream() const { return state_->stream(); }

  /// Internal: for decoders.
  [[nodiscard]] detail::ConnectionState& state() const { return *state_; }

 private:
  Handle<detail::ConnectionState> state_;
};

/// What connect() returns.
class Connect : detail::WaitNode {
 public:
  using Awaited = Result<Connection>;

  explicit Connect(Stream stream) : connection_(std::move(stream)) {}

  [[nodiscard]] bool await_ready() const { return state().connected() || state().closed(); }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> task) {
    waiter.wait(task);
    state().others.add(*this);
  }
  Result<Connection> await_resume() {
    if (!state().connected()) return Failure(state().error());
    return std::move(connection_);
  }

 private:
  [[nodiscard]] detail::ConnectionState& state() const { return connection_.state(); }

  Connection connection_;
};

/// Connects as Stream::connect does: to `HOST:PORT`, a name or numeric, or `unix:PATH`; the
/// addresses of a name are tried as RFC 8305 defines.
///
///     Result<Connection> server = co_await connect(loop, "example.org:http");
///     if (!server) co_return Failure(server.error());
///
/// Errors    As Stream::connect.
/// Lifetime  Destroying the task ends all attempts.
[[nodiscard]] inline Connect connect(Loop& loop, std::string_view endpoint,
                                     const ConnectOptions& options = {}) {
  return Connect(Stream::connect(loop, endpoint, options));
}
[[nodiscard]] inline Connect connect(Loop& loop, std::vector<Address> addresses,
                                     const ConnectOptions& options = {}) {
  return Connect(Stream::connect(loop, std::move(addresses), options));
}

}  // namespace reactor
