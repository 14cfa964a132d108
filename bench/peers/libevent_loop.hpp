// Shared code of the TCP servers on libevent: one loop on one thread, and its listener.
#pragma once

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "bench/peers/peer.hpp"

namespace bench {

inline event_base* base = nullptr;

/// A connection that calls `on_input` for input and `on_end` at its end.
inline bufferevent* buffered(int fd, bufferevent_data_cb on_input, bufferevent_event_cb on_end) {
  bufferevent* stream = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(stream, on_input, nullptr, on_end, nullptr);
  bufferevent_enable(stream, EV_READ | EV_WRITE);
  return stream;
}

inline void free_buffered(bufferevent* ended, short, void*) { bufferevent_free(ended); }

/// Calls `accept(fd)` for each connection, for ever.
template <void (*accept)(int fd)>
void serve_by_libevent(const PeerOptions& options) {
  const int fd = listen_and_tell(options);
  event_config* config = event_config_new();
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  base = event_base_new_with_config(config);
  event_config_free(config);
  evconnlistener* listener = evconnlistener_new(
      base,
      [](evconnlistener*, evutil_socket_t accepted, sockaddr*, int, void*) {
        set_no_delay(accepted);
        accept(accepted);
      },
      nullptr, LEV_OPT_CLOSE_ON_EXEC, 0, fd);
  if (!listener) fail("evconnlistener_new");
  event_base_dispatch(base);
}

}  // namespace bench
