// The baseline: level-triggered epoll and nothing else. Every ratio is relative to this server.
// `--idiom accept-one` accepts one connection for each event of the listener, not all that wait.
#include <sys/epoll.h>

#include <array>
#include <memory>

#include "bench/peers/socket_echo.hpp"

using namespace bench;

namespace {

void set(int epoll, int operation, SocketEcho& connection, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &connection;
  if (epoll_ctl(epoll, operation, connection.fd(), &event) < 0) fail("epoll_ctl");
}

void serve(const PeerOptions& options) {
  const int listener = listen_and_tell(options);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event listening{};
  listening.events = EPOLLIN;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &listening) < 0) fail("epoll_ctl");

  std::vector<char> buffer(options.buffer_bytes);
  std::array<epoll_event, 256> events;
  for (;;) {
    const int count = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (!event.data.ptr) {
        for (int fd = accept_connection(listener); fd >= 0; fd = accept_connection(listener)) {
          set(epoll, EPOLL_CTL_ADD, *new SocketEcho(fd), EPOLLIN);
          if (options.idiom == "accept-one") break;
        }
        continue;
      }
      auto& connection = *static_cast<SocketEcho*>(event.data.ptr);
      const bool was_blocked = event.events & EPOLLOUT;
      const Wants wants = was_blocked ? connection.on_writable()
                                      : connection.on_readable(buffer, options.message_bytes);
      if (wants == Wants::nothing) {
        delete &connection;
      } else if (wants == Wants::output && !was_blocked) {
        set(epoll, EPOLL_CTL_MOD, connection, EPOLLOUT);
      } else if (wants == Wants::input && was_blocked) {
        set(epoll, EPOLL_CTL_MOD, connection, EPOLLIN);
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  return run_peer([&] { serve(parse_peer_options(argc, argv, "accept-all")); });
}
