// libevent's bufferevents: what comes from one goes to all of them.
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include <unordered_set>
#include <vector>

#include "bench/peers/peer.hpp"

using namespace bench;

namespace {

event_base* base = nullptr;
std::unordered_set<bufferevent*> connections;
std::vector<char> buffer;

void on_input(bufferevent* stream, void*) {
  while (const std::size_t count = bufferevent_read(stream, buffer.data(), buffer.size())) {
    for (bufferevent* connection : connections) bufferevent_write(connection, buffer.data(), count);
  }
}

void on_end(bufferevent* stream, short, void*) {
  connections.erase(stream);
  bufferevent_free(stream);
}

void serve(const PeerOptions& options) {
  const int fd = listen_and_tell(options);
  buffer.resize(options.buffer_bytes);
  event_config* config = event_config_new();
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  base = event_base_new_with_config(config);
  event_config_free(config);
  evconnlistener* listener = evconnlistener_new(
      base,
      [](evconnlistener*, evutil_socket_t accepted, sockaddr*, int, void*) {
        set_no_delay(accepted);
        bufferevent* stream = bufferevent_socket_new(base, accepted, BEV_OPT_CLOSE_ON_FREE);
        bufferevent_setcb(stream, on_input, nullptr, on_end, nullptr);
        bufferevent_enable(stream, EV_READ | EV_WRITE);
        connections.insert(stream);
      },
      nullptr, LEV_OPT_CLOSE_ON_EXEC, 0, fd);
  if (!listener) fail("evconnlistener_new");
  event_base_dispatch(base);
}

}  // namespace

int main(int argc, char** argv) {
  return run_peer([&] { serve(parse_peer_options(argc, argv)); });
}
