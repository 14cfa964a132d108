// libevent's bufferevents with its own tools for messages: evbuffer_readln for lines; for length
// prefixes a look at the length, and then the message moved from buffer to buffer uncopied.
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include <cstdlib>

#include "bench/peers/peer.hpp"

using namespace bench;

namespace {

PeerOptions options;
event_base* base = nullptr;

void on_lines(bufferevent* stream, void*) {
  evbuffer* input = bufferevent_get_input(stream);
  evbuffer* output = bufferevent_get_output(stream);
  std::size_t length = 0;
  while (char* line = evbuffer_readln(input, &length, EVBUFFER_EOL_LF)) {
    evbuffer_add(output, line, length);
    evbuffer_add(output, "\n", 1);
    std::free(line);
  }
}

void on_length_prefixed(bufferevent* stream, void*) {
  evbuffer* input = bufferevent_get_input(stream);
  evbuffer* output = bufferevent_get_output(stream);
  std::uint32_t prefix = 0;
  while (evbuffer_copyout(input, &prefix, sizeof(prefix)) == sizeof(prefix)) {
    const std::size_t whole = sizeof(prefix) + ntohl(prefix);
    if (evbuffer_get_length(input) < whole) return;
    evbuffer_remove_buffer(input, output, whole);
  }
}

void serve() {
  const int fd = listen_and_tell(options);
  event_config* config = event_config_new();
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  base = event_base_new_with_config(config);
  event_config_free(config);
  evconnlistener* listener = evconnlistener_new(
      base,
      [](evconnlistener*, evutil_socket_t accepted, sockaddr*, int, void*) {
        set_no_delay(accepted);
        bufferevent* stream = bufferevent_socket_new(base, accepted, BEV_OPT_CLOSE_ON_FREE);
        bufferevent_setcb(
            stream, options.framing == "lines" ? on_lines : on_length_prefixed, nullptr,
            [](bufferevent* ended, short, void*) { bufferevent_free(ended); }, nullptr);
        bufferevent_enable(stream, EV_READ | EV_WRITE);
      },
      nullptr, LEV_OPT_CLOSE_ON_EXEC, 0, fd);
  if (!listener) fail("evconnlistener_new");
  event_base_dispatch(base);
}

}  // namespace

int main(int argc, char** argv) {
  options = parse_peer_options(argc, argv);
  return run_peer(serve);
}
