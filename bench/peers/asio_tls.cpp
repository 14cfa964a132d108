// TLS by standalone Asio, as its guide shows: ssl::stream with async_read_some and async_write. One
// thread, no locks.
#include <asio.hpp>
#include <asio/ssl.hpp>

#include <array>
#include <memory>

#include "bench/peers/peer.hpp"
#include "bench/support/tls_identity.hpp"

using namespace bench;

namespace {

using asio::ip::tcp;

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, asio::ssl::context& context) : stream_(std::move(socket), context) {}

  void begin() {
    stream_.async_handshake(asio::ssl::stream_base::server,
                            [self = shared_from_this()](std::error_code error) {
                              if (!error) self->read();
                            });
  }

 private:
  void read() {
    stream_.async_read_some(asio::buffer(buffer_),
                            [self = shared_from_this()](std::error_code error, std::size_t count) {
                              if (!error) self->write(count);
                            });
  }
  void write(std::size_t count) {
    asio::async_write(stream_, asio::buffer(buffer_, count),
                      [self = shared_from_this()](std::error_code error, std::size_t) {
                        if (!error) self->read();
                      });
  }

  asio::ssl::stream<tcp::socket> stream_;
  std::array<char, 16 << 10> buffer_;
};

void accept(tcp::acceptor& acceptor, asio::ssl::context& context) {
  acceptor.async_accept([&](std::error_code error, tcp::socket socket) {
    if (!error) {
      socket.set_option(tcp::no_delay(true));
      std::make_shared<Session>(std::move(socket), context)->begin();
    }
    accept(acceptor, context);
  });
}

void serve(const PeerOptions& options) {
  asio::ssl::context context(make_server_context());  // It owns it from now on.
  const int fd = listen_and_tell(options);
  asio::io_context loop(ASIO_CONCURRENCY_HINT_UNSAFE);
  tcp::acceptor acceptor(loop, tcp::v4(), fd);
  accept(acceptor, context);
  loop.run();
}

}  // namespace

int main(int argc, char** argv) {
  return run_peer([&] { serve(parse_peer_options(argc, argv)); });
}
