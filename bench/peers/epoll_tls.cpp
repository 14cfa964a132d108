// The baseline of TLS: level-triggered epoll, SSL_read and SSL_write on each socket, nothing else.
// `--idiom lean` releases OpenSSL's buffers while a connection is idle.
#include <openssl/ssl.h>
#include <sys/epoll.h>

#include <array>
#include <string>
#include <vector>

#include "bench/peers/peer.hpp"
#include "bench/support/tls_identity.hpp"

using namespace bench;

namespace {

int epoll;
std::vector<char> buffer;

class Connection {
 public:
  Connection(SSL_CTX* context, int fd) : fd_(fd), ssl_(SSL_new(context)) {
    SSL_set_fd(ssl_, fd);
    SSL_set_accept_state(ssl_);
    watch(EPOLL_CTL_ADD, EPOLLIN);
  }
  ~Connection() {
    SSL_free(ssl_);
    close(fd_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// False when the connection is over.
  bool on_ready() {
    if (!unsent_.empty()) {
      const int sent = SSL_write(ssl_, unsent_.data(), static_cast<int>(unsent_.size()));
      if (sent <= 0) return is_waiting(sent);
      unsent_.erase(0, static_cast<std::size_t>(sent));
      if (!unsent_.empty()) return true;
      watch(EPOLL_CTL_MOD, EPOLLIN);
    }
    do {
      const int size = SSL_read(ssl_, buffer.data(), static_cast<int>(buffer.size()));
      if (size <= 0) return is_waiting(size);
      if (!write(size)) return false;
    } while (unsent_.empty() && SSL_has_pending(ssl_));
    return true;
  }

 private:
  bool write(int size) {
    int sent = SSL_write(ssl_, buffer.data(), size);
    if (sent == size) return true;
    if (sent <= 0 && !is_waiting(sent)) return false;
    sent = sent > 0 ? sent : 0;
    unsent_.assign(buffer.data() + sent, static_cast<std::size_t>(size - sent));
    watch(EPOLL_CTL_MOD, EPOLLOUT);
    return true;
  }

  bool is_waiting(int result) {
    const int error = SSL_get_error(ssl_, result);
    if (error == SSL_ERROR_ZERO_RETURN) SSL_shutdown(ssl_);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
  }

  void watch(int operation, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = this;
    if (epoll_ctl(epoll, operation, fd_, &event) < 0) fail("epoll_ctl");
  }

  int fd_;
  SSL* ssl_;
  std::string unsent_;
};

void serve(const PeerOptions& options) {
  SSL_CTX* const context = make_server_context();
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);  // One recv for a record, not two.
  if (options.idiom == "lean") SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  buffer.resize(options.buffer_bytes);
  const int listener = listen_and_tell(options);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event listening{};
  listening.events = EPOLLIN;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &listening) < 0) fail("epoll_ctl");
  std::array<epoll_event, 256> events;
  for (;;) {
    const int count = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      auto* const connection =
          static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
      if (connection) {
        if (!connection->on_ready()) delete connection;
        continue;
      }
      for (int fd = accept_connection(listener); fd >= 0; fd = accept_connection(listener)) {
        new Connection(context, fd);
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  return run_peer([&] { serve(parse_peer_options(argc, argv, "fast")); });
}
