// libev, which reports readiness and leaves recv and send to the program.
#include <ev.h>

#include "bench/peers/socket_echo.hpp"

using namespace bench;

namespace {

PeerOptions options;
std::vector<char> shared_buffer;

// A connection with its watcher, which waits for input, or for output while the client is slow.
struct Connection {
  explicit Connection(struct ev_loop* loop, int fd) : echo(fd) {
    ev_io_init(&watcher, on_ready, fd, EV_READ);
    watcher.data = this;
    ev_io_start(loop, &watcher);
  }

  static void on_ready(struct ev_loop* loop, ev_io* ready, int what) {
    auto& self = *static_cast<Connection*>(ready->data);
    const bool was_blocked = what & EV_WRITE;
    const Wants wants = was_blocked ? self.echo.on_writable()
                                    : self.echo.on_readable(shared_buffer, options.message_bytes);
    if (wants == Wants::nothing) {
      ev_io_stop(loop, &self.watcher);
      delete &self;
    } else if ((wants == Wants::output) != was_blocked) {
      ev_io_stop(loop, &self.watcher);
      ev_io_set(&self.watcher, self.echo.fd(), was_blocked ? EV_READ : EV_WRITE);
      ev_io_start(loop, &self.watcher);
    }
  }

  SocketEcho echo;
  ev_io watcher;
};

void serve() {
  const int fd = listen_and_tell(options);
  shared_buffer.resize(options.buffer_bytes);
  struct ev_loop* loop = ev_default_loop(0);
  ev_io listener;
  ev_io_init(
      &listener,
      [](struct ev_loop* accepting, ev_io* ready, int) {
        for (int accepted = accept_connection(ready->fd); accepted >= 0;
             accepted = accept_connection(ready->fd)) {
          new Connection(accepting, accepted);
        }
      },
      fd, EV_READ);
  ev_io_start(loop, &listener);
  ev_run(loop, 0);
}

}  // namespace

int main(int argc, char** argv) {
  options = parse_peer_options(argc, argv);
  return run_peer(serve);
}
