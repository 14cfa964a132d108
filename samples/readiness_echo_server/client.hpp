// One client of the echo server, served by recv and send.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <utility>

#include "reactor/readiness.hpp"
#include "reactor/socket.hpp"

namespace samples {

/// Why Client::echo() returned.
enum class Echoed {
  all,   ///< The kernel has no more bytes, or no more room: wait for interest().
  some,  ///< Its budget is used up: call it again after the other clients.
  over,  ///< The client ended the connection and has received everything, or it failed.
};

/// A connection. It keeps at most 64 KiB that are not sent back yet: it receives only when all that
/// it received is sent back.
class Client {
 public:
  static constexpr std::size_t most_unsent_bytes = 64 * 1024;

  explicit Client(reactor::Socket socket) : socket_(std::move(socket)) {}

  [[nodiscard]] Echoed echo();

  /// What the next echo() needs. An edge-triggered watcher waits for both.
  [[nodiscard]] reactor::Interest interest() const {
    return unsent_.empty() ? reactor::Interest::readable : reactor::Interest::writable;
  }

  /// True if nothing was received or sent since the last call, and nothing is unsent.
  [[nodiscard]] bool was_quiet() { return !std::exchange(active_, false) && unsent_.empty(); }

  /// Sends the end of the stream. What the client sends after that is discarded.
  void end();

  /// Makes the destructor reset the connection if unsent bytes would be lost: the client must not
  /// take the part that it received for the whole.
  void give_up();

 private:
  [[nodiscard]] ssize_t receive();
  [[nodiscard]] ssize_t send_back();

  reactor::Socket socket_;
  std::string unsent_;
  bool active_ = true;
  bool ended_ = false;
};

}  // namespace samples
