// TLS for one stream. Internal.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "reactor/stream_filter.hpp"
#include "reactor/tls/openssl.hpp"

namespace reactor::inline v0::tls {

/// Where a client keeps the sessions that it may resume.
class Sessions;

/// Passes bytes through OpenSSL, which reads and writes spans of memory: it has no socket.
///
/// Cost      One copy of what is received, into OpenSSL's buffer, and one of what is sent, into a
///           buffer that the filters of a thread share.
class Filter final : public StreamFilter {
 public:
  enum class Side : unsigned char { client, server };

  /// `name` and `sessions` are those of a client. `context` is kept alive.
  Filter(SslPtr ssl, Side side, std::string name, std::shared_ptr<const void> context,
         Sessions* sessions);
  ~Filter() override;

  void start(Bytes clear) override;
  [[nodiscard]] Decoded decode(std::byte* to, Bytes received) override;
  [[nodiscard]] bool has_input() const override { return !kept_.empty() || unreported_; }
  [[nodiscard]] Decoded decode_end() override;
  [[nodiscard]] std::size_t encode(Bytes plain) override;
  void encode_end() override;
  [[nodiscard]] Bytes output() const override;
  void pop(std::size_t sent) override;
  [[nodiscard]] const Error& error() const override { return error_; }
  [[nodiscard]] const TlsInfo& info() const override { return info_; }

  // ---- Called by OpenSSL

  [[nodiscard]] std::size_t read(std::byte* to, std::size_t most);
  /// False when too much waits already.
  [[nodiscard]] bool write(Bytes encoded);
  void refuse(X509* certificate);
  void keep_session(SSL_SESSION* session);

  [[nodiscard]] static Filter& of(const SSL& ssl);

 private:
  [[nodiscard]] Decoded handshake();
  [[nodiscard]] Decoded read_records(std::byte* to);
  [[nodiscard]] Decoded final_state(std::size_t size);
  void fail(Error error);
  void describe_connection();

  const SslPtr ssl_;
  const Side side_;
  const std::string name_;
  const std::shared_ptr<const void> context_;
  Sessions* const sessions_;
  Bytes input_;                    // Of this call of decode().
  std::vector<std::byte> kept_;    // Received, to be decoded by the next call.
  std::vector<std::byte> output_;  // Not sent yet: of a handshake, or after the socket was full.
  std::size_t sent_ = 0;           // Of output_.
  std::size_t clear_bytes_ = 0;    // With which output_ began.
  std::size_t small_records_ = 0;  // That are still to be sent.
  X509Ptr refused_;
  TlsInfo info_;
  Error error_;
  bool encoding_ = false;
  bool secured_ = false;
  bool peer_ended_ = false;
  bool ended_ = false;
  bool unreported_ = false;  // The end or an error follows data that was returned.
};

}  // namespace reactor::tls
