// Standalone Asio with its own tools for messages: async_read_until for lines; for length prefixes
// async_read_some into a buffer, and one async_write that answers all whole messages in it.
#include <arpa/inet.h>
#include <asio.hpp>

#include <cstring>
#include <memory>
#include <string>

#include "bench/peers/peer.hpp"

using namespace bench;

namespace {

using asio::ip::tcp;

constexpr std::size_t read_bytes = 64 << 10;

// Answers all lines of one read together, not one line for each wait.
class LineSession : public std::enable_shared_from_this<LineSession> {
 public:
  explicit LineSession(tcp::socket socket) : socket_(std::move(socket)) {}

  void read() {
    asio::async_read_until(socket_, asio::dynamic_buffer(input_), '\n',
                           [self = shared_from_this()](std::error_code error, std::size_t) {
                             if (!error) self->answer();
                           });
  }

 private:
  void answer() {
    const std::size_t whole = input_.rfind('\n') + 1;
    output_.assign(input_, 0, whole);
    input_.erase(0, whole);
    asio::async_write(socket_, asio::buffer(output_),
                      [self = shared_from_this()](std::error_code error, std::size_t) {
                        if (!error) self->read();
                      });
  }

  tcp::socket socket_;
  std::string input_;
  std::string output_;
};

class LengthPrefixedSession : public std::enable_shared_from_this<LengthPrefixedSession> {
 public:
  explicit LengthPrefixedSession(tcp::socket socket) : socket_(std::move(socket)) {}

  void read() {
    input_.resize(filled_ + read_bytes);
    socket_.async_read_some(asio::buffer(input_.data() + filled_, read_bytes),
                            [self = shared_from_this()](std::error_code error, std::size_t count) {
                              if (!error) self->on_bytes(count);
                            });
  }

 private:
  void on_bytes(std::size_t count) {
    filled_ += count;
    std::size_t whole = 0;
    for (std::uint32_t prefix = 0; filled_ - whole >= sizeof(prefix);) {
      std::memcpy(&prefix, input_.data() + whole, sizeof(prefix));
      const std::size_t size = sizeof(prefix) + ntohl(prefix);
      if (filled_ - whole < size) break;
      whole += size;
    }
    if (whole == 0) return read();
    asio::async_write(socket_, asio::buffer(input_.data(), whole),
                      [self = shared_from_this(), whole](std::error_code error, std::size_t) {
                        if (error) return;
                        self->filled_ -= whole;
                        std::memmove(self->input_.data(), self->input_.data() + whole,
                                     self->filled_);
                        self->read();
                      });
  }

  tcp::socket socket_;
  std::vector<char> input_;
  std::size_t filled_ = 0;
};

template <class Session>
void accept(tcp::acceptor& acceptor) {
  acceptor.async_accept([&](std::error_code error, tcp::socket socket) {
    if (!error) {
      socket.set_option(tcp::no_delay(true));
      std::make_shared<Session>(std::move(socket))->read();
    }
    accept<Session>(acceptor);
  });
}

void serve(const PeerOptions& options) {
  const int fd = listen_and_tell(options);
  asio::io_context context(ASIO_CONCURRENCY_HINT_UNSAFE);
  tcp::acceptor acceptor(context, tcp::v4(), fd);
  options.framing == "lines" ? accept<LineSession>(acceptor)
                             : accept<LengthPrefixedSession>(acceptor);
  context.run();
}

}  // namespace

int main(int argc, char** argv) {
  return run_peer([&] { serve(parse_peer_options(argc, argv)); });
}
