#include "samples/readiness_echo_server/client.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>

namespace samples {
namespace {

// System calls for one client before the other clients are served.
constexpr int most_calls_at_once = 16;

}  // namespace

Echoed Client::echo() {
  for (int call = 0; call < most_calls_at_once; ++call) {
    const ssize_t size = unsent_.empty() ? receive() : send_back();
    if (size == 0) return Echoed::over;
    if (size < 0 && errno == EAGAIN) return Echoed::all;
    if (size < 0 && errno != EINTR) return Echoed::over;
  }
  return Echoed::some;
}

ssize_t Client::receive() {
  std::array<char, most_unsent_bytes> buffer;
  const ssize_t size = recv(socket_.fd(), buffer.data(), buffer.size(), 0);
  if (size <= 0) return size;
  active_ = true;
  if (!ended_) unsent_.assign(buffer.data(), static_cast<std::size_t>(size));
  return size;
}

ssize_t Client::send_back() {
  const ssize_t size = send(socket_.fd(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
  if (size <= 0) return size;
  active_ = true;
  unsent_.erase(0, static_cast<std::size_t>(size));
  return size;
}

void Client::end() {
  if (!std::exchange(ended_, true)) shutdown(socket_.fd(), SHUT_WR);
}

void Client::give_up() {
  constexpr std::chrono::seconds drop_and_reset(0);
  if (!unsent_.empty()) (void)socket_.set(reactor::option::linger, drop_and_reset);
}

}  // namespace samples
