// Standalone Asio: sends the input of each session to all sessions, as in its chat example. A
// message is sent immediately; only bytes that the kernel does not take are written asynchronously.
#include <asio.hpp>

#include <array>
#include <memory>
#include <set>
#include <string>

#include "bench/peers/peer.hpp"

using namespace bench;

namespace {

using asio::ip::tcp;

class Session;
std::set<std::shared_ptr<Session>> sessions;

class Session : public std::enable_shared_from_this<Session> {
 public:
  explicit Session(tcp::socket socket) : socket_(std::move(socket)) { socket_.non_blocking(true); }

  void read() {
    socket_.async_read_some(asio::buffer(buffer_),
                            [self = shared_from_this()](std::error_code error, std::size_t count) {
                              if (error) {
                                sessions.erase(self);
                                return;
                              }
                              const std::string_view bytes(self->buffer_.data(), count);
                              for (const auto& session : sessions) session->send(bytes);
                              self->read();
                            });
  }

 private:
  void send(std::string_view bytes) {
    if (!writing_) {
      std::error_code error;
      const std::size_t sent = socket_.write_some(asio::buffer(bytes), error);
      bytes.remove_prefix(error ? 0 : sent);
    }
    if (bytes.empty()) return;
    waiting_ += bytes;
    if (!writing_) write();
  }

  void write() {
    writing_ = true;
    under_way_ = std::exchange(waiting_, {});
    asio::async_write(socket_, asio::buffer(under_way_),
                      [self = shared_from_this()](std::error_code error, std::size_t) {
                        self->writing_ = false;
                        if (!error && !self->waiting_.empty()) self->write();
                      });
  }

  tcp::socket socket_;
  std::array<char, 4096> buffer_;
  bool writing_ = false;
  std::string under_way_;
  std::string waiting_;
};

void accept(tcp::acceptor& acceptor) {
  acceptor.async_accept([&](std::error_code error, tcp::socket socket) {
    if (!error) {
      socket.set_option(tcp::no_delay(true));
      (*sessions.insert(std::make_shared<Session>(std::move(socket))).first)->read();
    }
    accept(acceptor);
  });
}

void serve(const PeerOptions& options) {
  const int fd = listen_and_tell(options);
  asio::io_context context(ASIO_CONCURRENCY_HINT_UNSAFE);
  tcp::acceptor acceptor(context, tcp::v4(), fd);
  accept(acceptor);
  context.run();
}

}  // namespace

int main(int argc, char** argv) {
  return run_peer([&] { serve(parse_peer_options(argc, argv)); });
}
