#include <openssl/err.h>
#include <openssl/ssl.h>

#include <cerrno>

#include "bench/load/tls.hpp"

namespace bench {
namespace {

class OpenSslConnection final : public TlsConnection {
 public:
  explicit OpenSslConnection(bool resume) : resume_(resume) {}
  ~OpenSslConnection() override {
    SSL_free(ssl_);
    SSL_SESSION_free(session_);
  }
  OpenSslConnection(const OpenSslConnection&) = delete;
  OpenSslConnection& operator=(const OpenSslConnection&) = delete;

  void connect(int fd) override {
    SSL_free(ssl_);
    ssl_ = SSL_new(context());
    SSL_set_fd(ssl_, fd);
    SSL_set_app_data(ssl_, this);
    SSL_set_connect_state(ssl_);
    if (session_) SSL_set_session(ssl_, session_);
  }

  ssize_t send(const char* data, std::size_t size) override {
    return result_of(SSL_write(ssl_, data, static_cast<int>(size)));
  }
  ssize_t recv(char* data, std::size_t size) override {
    return result_of(SSL_read(ssl_, data, static_cast<int>(size)));
  }
  int handshake() override { return result_of(SSL_do_handshake(ssl_)) > 0 ? 0 : -1; }

  void end() override {
    SSL_shutdown(ssl_);
    ERR_clear_error();
  }

 private:
  // Of all connections.
  static SSL_CTX* context() {
    static SSL_CTX* const made = [] {
      SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
      SSL_CTX_set_mode(context,
                       SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
      SSL_CTX_set_read_ahead(context, 1);
      SSL_CTX_set_session_cache_mode(context,
                                     SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
      SSL_CTX_sess_set_new_cb(context, [](SSL* ssl, SSL_SESSION* session) {
        return static_cast<OpenSslConnection*>(SSL_get_app_data(ssl))->keep(session);
      });
      return context;
    }();
    return made;
  }

  // 1 if it owns the session from now on.
  int keep(SSL_SESSION* session) {
    if (!resume_) return 0;
    SSL_SESSION_free(session_);
    session_ = session;
    return 1;
  }

  ssize_t result_of(int result) {
    if (result > 0) return result;
    const int error = SSL_get_error(ssl_, result);
    if (error == SSL_ERROR_ZERO_RETURN) return 0;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
      errno = EAGAIN;
    } else if (error != SSL_ERROR_SYSCALL || errno == 0) {
      errno = EPROTO;
    }
    ERR_clear_error();
    return -1;
  }

  const bool resume_;
  SSL* ssl_ = nullptr;
  SSL_SESSION* session_ = nullptr;
};

}  // namespace

std::unique_ptr<TlsConnection> make_tls_connection(bool resume) {
  return std::make_unique<OpenSslConnection>(resume);
}

}  // namespace bench
