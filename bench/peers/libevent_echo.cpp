// libevent. `--idiom bufferevent` is its buffered stream; `--idiom raw` uses its readiness events
// and calls recv and send.
#include <event2/event_struct.h>

#include <memory>

#include "bench/peers/libevent_loop.hpp"
#include "bench/peers/socket_echo.hpp"

using namespace bench;

namespace {

PeerOptions options;
std::vector<char> shared_buffer;

void on_buffered_input(bufferevent* stream, void*) {
  evbuffer* input = bufferevent_get_input(stream);
  evbuffer* output = bufferevent_get_output(stream);
  if (options.message_bytes == 0) {
    evbuffer_add_buffer(output, input);
    return;
  }
  std::vector<char>& message = shared_buffer;
  while (evbuffer_get_length(input) >= options.message_bytes) {
    evbuffer_remove(input, message.data(), options.message_bytes);
    bufferevent_write(stream, message.data(), options.message_bytes);
  }
}

void accept_buffered(int fd) {
  bufferevent* stream = buffered(fd, on_buffered_input, free_buffered);
  bufferevent_set_max_single_read(stream, options.buffer_bytes);
  bufferevent_set_max_single_write(stream, options.buffer_bytes);
}

// A connection with two events, of which one is added at a time.
struct RawConnection {
  explicit RawConnection(int fd) : echo(fd) {
    event_assign(&input, base, fd, EV_READ | EV_PERSIST, on_ready, this);
    event_assign(&output, base, fd, EV_WRITE | EV_PERSIST, on_ready, this);
    event_add(&input, nullptr);
  }
  ~RawConnection() {
    event_del(&input);
    event_del(&output);
  }

  static void on_ready(evutil_socket_t, short what, void* argument) {
    auto& self = *static_cast<RawConnection*>(argument);
    const bool was_blocked = what & EV_WRITE;
    const Wants wants = was_blocked ? self.echo.on_writable()
                                    : self.echo.on_readable(shared_buffer, options.message_bytes);
    if (wants == Wants::nothing) {
      delete &self;
    } else if (wants == Wants::output && !was_blocked) {
      event_del(&self.input);
      event_add(&self.output, nullptr);
    } else if (wants == Wants::input && was_blocked) {
      event_del(&self.output);
      event_add(&self.input, nullptr);
    }
  }

  SocketEcho echo;
  event input;
  event output;
};

void accept_one(int fd) {
  if (options.idiom == "raw") {
    new RawConnection(fd);
  } else {
    accept_buffered(fd);
  }
}

}  // namespace

int main(int argc, char** argv) {
  options = parse_peer_options(argc, argv, "bufferevent");
  shared_buffer.resize(options.buffer_bytes);
  return run_peer([] { serve_by_libevent<accept_one>(options); });
}
