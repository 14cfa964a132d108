// The baseline for a broadcast: one recv, then a send to each connection, on level-triggered epoll.
#include <sys/epoll.h>

#include <array>
#include <vector>

#include "bench/peers/peer.hpp"

using namespace bench;

namespace {

void serve(const PeerOptions& options) {
  const int listener = listen_and_tell(options);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0) fail("epoll_ctl");

  std::vector<int> connections;
  std::vector<char> buffer(options.buffer_bytes);
  std::array<epoll_event, 256> events;
  for (;;) {
    const int count = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const int ready = events[static_cast<std::size_t>(i)].data.fd;
      if (ready == listener) {
        for (int fd = accept_connection(listener); fd >= 0; fd = accept_connection(listener)) {
          event.data.fd = fd;
          if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll_ctl");
          connections.push_back(fd);
        }
        continue;
      }
      const ssize_t received = recv(ready, buffer.data(), buffer.size(), 0);
      if (received <= 0) {
        std::erase(connections, ready);
        close(ready);
        continue;
      }
      // A client whose kernel buffer is full misses the message: this server keeps no output.
      for (const int fd : connections) {
        send(fd, buffer.data(), static_cast<std::size_t>(received), MSG_NOSIGNAL);
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  return run_peer([&] { serve(parse_peer_options(argc, argv)); });
}
