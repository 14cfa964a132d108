// Edge-triggered epoll: one epoll_ctl in a connection's life, and a second recv only if
// the first one filled the buffer.
#include <sys/epoll.h>

#include <array>

#include "bench/peers/socket_echo.hpp"

using namespace bench;

namespace {

// Echoes until no input is left or the client takes no more.
Wants drain(SocketEcho& connection, std::vector<char>& buffer, std::size_t message_bytes) {
  Wants wants = Wants::input;
  do {
    wants = connection.on_readable(buffer, message_bytes);
  } while (wants == Wants::input && connection.filled_buffer());
  return wants;
}

void serve(const PeerOptions& options) {
  const int listener = listen_and_tell(options);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0) fail("epoll_ctl");

  std::vector<char> buffer(options.buffer_bytes);
  std::array<epoll_event, 256> events;
  for (;;) {
    const int count = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const epoll_event& ready = events[static_cast<std::size_t>(i)];
      if (!ready.data.ptr) {
        for (int fd = accept_connection(listener); fd >= 0; fd = accept_connection(listener)) {
          event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
          event.data.ptr = new SocketEcho(fd);
          if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll_ctl");
        }
        continue;
      }
      auto& connection = *static_cast<SocketEcho*>(ready.data.ptr);
      Wants wants = Wants::input;
      if (connection.is_blocked()) {
        if (ready.events & EPOLLOUT) wants = connection.on_writable();
        if (connection.is_blocked()) continue;
      }
      if (wants == Wants::input && (ready.events & (EPOLLIN | EPOLLRDHUP | EPOLLERR))) {
        wants = drain(connection, buffer, options.message_bytes);
      }
      if (wants == Wants::nothing) delete &connection;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  return run_peer([&] { serve(parse_peer_options(argc, argv)); });
}
