// libevent reports readiness; recvfrom and sendto are called until no datagram is left.
#include <event2/event.h>

#include "bench/peers/peer.hpp"

using namespace bench;

namespace {

void on_readable(evutil_socket_t fd, short, void*) {
  static char buffer[2048];
  Endpoint sender;
  for (;;) {
    sender.size = sizeof sender.storage;
    const ssize_t size = recvfrom(fd, buffer, sizeof buffer, 0, sender.address(), &sender.size);
    if (size < 0) return;
    sendto(fd, buffer, static_cast<std::size_t>(size), 0, sender.address(), sender.size);
  }
}

void serve(const PeerOptions& options) {
  const int fd = bind_datagrams_and_tell(options);
  event_config* config = event_config_new();
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  event_base* base = event_base_new_with_config(config);
  event_config_free(config);
  event* readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, nullptr);
  event_add(readable, nullptr);
  event_base_dispatch(base);
}

}  // namespace

int main(int argc, char** argv) {
  return run_peer([&] { serve(parse_peer_options(argc, argv)); });
}
