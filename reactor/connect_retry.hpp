// Connects to a unix socket whose backlog is full, as soon as the backlog has room. Internal.
#pragma once

#include <chrono>

#include "reactor/address.hpp"
#include "reactor/callback.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"
#include "reactor/socket.hpp"
#include "reactor/timer.hpp"

namespace reactor::inline v0 {

/// Tries again until the socket connects or fails. This is needed because nothing reports when the
/// backlog of a unix socket has room again.
class ConnectRetry {
 public:
  [[nodiscard]] static bool is_needed(const Address& peer, const Result<bool>& connected);

  /// `on_done` may destroy this.
  ConnectRetry(Loop& loop, Socket& socket, const Address& peer,
               Callback<void(const Result<bool>&)> on_done);

 private:
  void connect();

  Socket& socket_;
  const Address peer_;
  std::chrono::milliseconds pause_{1};
  Callback<void(const Result<bool>&)> on_done_;
  Timer timer_;
};

}  // namespace reactor
