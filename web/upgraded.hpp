// A connection that has switched from HTTP to another protocol.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "reactor/callback.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"
#include "reactor/stream.hpp"
#include "reactor/write_status.hpp"

namespace web::inline v0 {
class Tunnel;

#pragma GCC visibility push(default)

/// The bytes of a connection behind its upgrade, or behind a CONNECT.
///
///     if (auto connection = response.upgrade("chat")) {
///       connection->write("hello\n");
///       connection->on_data([this](web::Upgraded::Bytes bytes) { receive(bytes); });
///       connection_ = std::move(*connection);
///     }
///
/// The functions mean the same as those of reactor::Stream. The connection still counts for the
/// limits of the server, and drain() ends it; no timeout of HTTP applies.
///
/// Lifetime  Destroying it closes the connection, as close() does, and ends all callbacks. It may
///           outlive the connection and the server.
/// Thread    The loop's thread only.
class Upgraded {
 public:
  using Bytes = std::span<const std::byte>;

  /// Nothing is read before on_data(). What the client sent behind its request comes first.
  void on_data(reactor::Callback<void(Bytes)> on_data);
  /// Without it, the connection is closed when the client ends its side.
  void on_end(reactor::Callback<void()> on_end);
  void on_drained(reactor::Callback<void()> on_drained);
  /// The connection has ended. Called at most once, and last.
  void on_close(reactor::Callback<void(const reactor::Error&)> on_close);
  /// The server drains. Without it, the connection is closed.
  void on_finish(reactor::Callback<void()> on_finish);

  reactor::WriteStatus write(Bytes bytes);
  reactor::WriteStatus write(std::string_view text) {
    return write(std::as_bytes(std::span(text)));
  }
  void pause();
  void resume();
  void close();
  void abort();

  /// The stream below, for its limits, its socket and its progress; null once it has ended. Its
  /// callbacks belong to the server.
  [[nodiscard]] reactor::Stream* stream() const;

  /// The loop of the server.
  [[nodiscard]] reactor::Loop& loop() const { return *loop_; }

  /// Internal.
  explicit Upgraded(std::shared_ptr<Tunnel> tunnel);
  Upgraded(Upgraded&& other) noexcept = default;
  Upgraded& operator=(Upgraded&& other) noexcept;
  ~Upgraded();

 private:
  void release() noexcept;

  std::shared_ptr<Tunnel> tunnel_;  // Null once moved from.
  reactor::Loop* loop_;
};

}  // namespace web
#pragma GCC visibility pop
