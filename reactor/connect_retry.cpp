#include "reactor/connect_retry.hpp"

#include <algorithm>
#include <utility>

namespace reactor::inline v0 {

bool ConnectRetry::is_needed(const Address& peer, const Result<bool>& connected) {
  return peer.family() == Family::unix_socket && !connected &&
         connected.error().code == std::errc::resource_unavailable_try_again;
}

ConnectRetry::ConnectRetry(Loop& loop, Socket& socket, const Address& peer,
                           Callback<void(const Result<bool>&)> on_done)
    : socket_(socket),
      peer_(peer),
      on_done_(std::move(on_done)),
      timer_(loop, [this] { connect(); }) {
  timer_.restart(pause_);
}

void ConnectRetry::connect() {
  constexpr std::chrono::milliseconds longest_pause(50);
  const auto connected = socket_.connect(peer_);
  if (is_needed(peer_, connected)) {
    pause_ = std::min(pause_ * 2, longest_pause);
    return timer_.restart(pause_);
  }
  auto on_done = std::move(on_done_);
  on_done(connected);
}

}  // namespace reactor
