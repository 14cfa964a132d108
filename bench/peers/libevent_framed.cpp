// libevent's bufferevents with its own tools for messages: evbuffer_readln for lines; for length
// prefixes it reads the length, then moves the message between buffers without a copy.
#include <arpa/inet.h>

#include <cstdlib>

#include "bench/peers/libevent_loop.hpp"

using namespace bench;

namespace {

PeerOptions options;

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

void accept_one(int fd) {
  buffered(fd, options.framing == "lines" ? on_lines : on_length_prefixed, free_buffered);
}

}  // namespace

int main(int argc, char** argv) {
  options = parse_peer_options(argc, argv);
  return run_peer([] { serve_by_libevent<accept_one>(options); });
}
