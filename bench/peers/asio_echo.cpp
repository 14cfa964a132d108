// Standalone Asio, one thread, no locks (concurrency hint "unsafe"). `--idiom async` is from its
// guide: async_read_some into a buffer of the session, async_write. `--idiom wait` waits for
// readiness and reads into a buffer that all sessions share. `--idiom awaitable` is `async` as a
// coroutine.
#include <asio.hpp>

#include <array>
#include <memory>
#include <vector>

#include "bench/peers/peer.hpp"

using namespace bench;

namespace {

using asio::generic::stream_protocol;
using Socket = stream_protocol::socket;

constexpr std::size_t session_buffer_bytes = 64 << 10;

// Reads into its own buffer, and writes all of it back before the next read.
class AsyncSession : public std::enable_shared_from_this<AsyncSession> {
 public:
  explicit AsyncSession(Socket socket) : socket_(std::move(socket)) {}

  void read() {
    socket_.async_read_some(asio::buffer(buffer_),
                            [self = shared_from_this()](std::error_code error, std::size_t count) {
                              if (!error) self->write(count);
                            });
  }

 private:
  void write(std::size_t count) {
    asio::async_write(socket_, asio::buffer(buffer_, count),
                      [self = shared_from_this()](std::error_code error, std::size_t) {
                        if (!error) self->read();
                      });
  }

  Socket socket_;
  std::array<char, session_buffer_bytes> buffer_;
};

std::vector<char> shared_buffer;

// Waits for input, then reads and writes without waiting. Only the unsent rest is written
// asynchronously.
class WaitingSession : public std::enable_shared_from_this<WaitingSession> {
 public:
  explicit WaitingSession(Socket socket) : socket_(std::move(socket)) {
    socket_.non_blocking(true);
  }

  void wait() {
    socket_.async_wait(Socket::wait_read, [self = shared_from_this()](std::error_code error) {
      if (!error) self->on_readable();
    });
  }

 private:
  void on_readable() {
    std::error_code error;
    const std::size_t count = socket_.read_some(asio::buffer(shared_buffer), error);
    if (error == asio::error::would_block) return wait();
    if (error) return;
    const std::size_t sent = socket_.write_some(asio::buffer(shared_buffer, count), error);
    if (error && error != asio::error::would_block) return;
    if (sent == count) return wait();
    rest_.assign(shared_buffer.data() + sent, shared_buffer.data() + count);
    asio::async_write(socket_, asio::buffer(rest_),
                      [self = shared_from_this()](std::error_code failed, std::size_t) {
                        if (!failed) self->wait();
                      });
  }

  Socket socket_;
  std::vector<char> rest_;
};

asio::awaitable<void> session(Socket socket) {
  std::array<char, session_buffer_bytes> buffer;
  try {
    for (;;) {
      const std::size_t count =
          co_await socket.async_read_some(asio::buffer(buffer), asio::use_awaitable);
      co_await asio::async_write(socket, asio::buffer(buffer, count), asio::use_awaitable);
    }
  } catch (const std::system_error&) {
    // The client has hung up.
  }
}

using Acceptor = asio::basic_socket_acceptor<stream_protocol>;

void accept(Acceptor& acceptor, const PeerOptions& options) {
  acceptor.async_accept([&](std::error_code error, Socket socket) {
    if (!error) {
      if (socket.local_endpoint().protocol().family() != AF_UNIX) {
        socket.set_option(asio::ip::tcp::no_delay(true));
      }
      if (options.idiom == "wait") {
        std::make_shared<WaitingSession>(std::move(socket))->wait();
      } else if (options.idiom == "awaitable") {
        asio::co_spawn(acceptor.get_executor(), session(std::move(socket)), asio::detached);
      } else {
        std::make_shared<AsyncSession>(std::move(socket))->read();
      }
    }
    accept(acceptor, options);
  });
}

void serve(const PeerOptions& options) {
  const int fd = listen_and_tell(options);
  shared_buffer.resize(options.buffer_bytes);
  asio::io_context context(ASIO_CONCURRENCY_HINT_UNSAFE);
  Acceptor acceptor(context, stream_protocol(local_endpoint(fd).family(), 0), fd);
  accept(acceptor, options);
  context.run();
}

}  // namespace

int main(int argc, char** argv) {
  return run_peer([&] { serve(parse_peer_options(argc, argv, "async")); });
}
