// Standalone Asio, one thread, no locks. `--idiom async`: async_receive_from, then send_to.
// `--idiom wait` waits for readiness, then receives and sends until no datagram is left.
#include <asio.hpp>

#include <array>

#include "bench/peers/peer.hpp"

using namespace bench;

namespace {

using asio::ip::udp;

class Echo {
 public:
  explicit Echo(udp::socket socket) : socket_(std::move(socket)) { socket_.non_blocking(true); }

  void receive() {
    socket_.async_receive_from(
        asio::buffer(buffer_), sender_, [this](std::error_code error, std::size_t size) {
          std::error_code ignored;
          if (!error) {
            socket_.send_to(asio::buffer(buffer_, size), sender_, 0, ignored);
          }
          receive();
        });
  }

  void wait() {
    socket_.async_wait(udp::socket::wait_read, [this](std::error_code) {
      std::error_code error, ignored;
      for (;;) {
        const std::size_t size = socket_.receive_from(asio::buffer(buffer_), sender_, 0, error);
        if (error) break;
        socket_.send_to(asio::buffer(buffer_, size), sender_, 0, ignored);
      }
      wait();
    });
  }

 private:
  udp::socket socket_;
  udp::endpoint sender_;
  std::array<char, 2048> buffer_;
};

void serve(const PeerOptions& options) {
  const int fd = bind_datagrams_and_tell(options);
  asio::io_context context(ASIO_CONCURRENCY_HINT_UNSAFE);
  const bool six = local_endpoint(fd).family() == AF_INET6;
  Echo echo(udp::socket(context, six ? udp::v6() : udp::v4(), fd));
  options.idiom == "wait" ? echo.wait() : echo.receive();
  context.run();
}

}  // namespace

int main(int argc, char** argv) {
  return run_peer([&] { serve(parse_peer_options(argc, argv, "async")); });
}
