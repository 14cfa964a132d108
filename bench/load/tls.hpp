// TLS for the connections of the load generator. It verifies no server: it only makes load.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>

namespace bench {

/// The TLS of one socket at a time, and the session that its next connection may resume.
class TlsConnection {
 public:
  virtual ~TlsConnection() = default;

  /// Begins anew, on another socket.
  virtual void connect(int fd) = 0;
  /// As `send` and `recv` of the socket: -1 with EAGAIN in errno while the handshake or the socket
  /// has to wait, in whichever direction.
  virtual ssize_t send(const char* data, std::size_t size) = 0;
  virtual ssize_t recv(char* data, std::size_t size) = 0;
  /// 0 when the handshake is complete; -1 as above.
  virtual int handshake() = 0;
  /// Sends close_notify.
  virtual void end() = 0;
};

/// Null in a build without OpenSSL. With `resume`, each connection but the first continues the
/// session of the one before.
std::unique_ptr<TlsConnection> make_tls_connection(bool resume);

}  // namespace bench
