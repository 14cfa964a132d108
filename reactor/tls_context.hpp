// What streams need to speak TLS: certificates, keys, and whom they trust.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reactor/duration.hpp"
#include "reactor/result.hpp"

namespace reactor::inline v0 {
class StreamFilter;

#pragma GCC visibility push(default)

/// A certificate that a server or a client shows, in PEM files.
struct TlsKeyPair {
  std::string certificate_file;  ///< The certificate, then the certificates of its issuers.
  std::string key_file;          ///< Its private key, without a password.
};

/// A version of the protocol.
enum class TlsVersion : std::uint8_t { tls_1_2, tls_1_3 };

/// Whether a server requests the certificates of its clients.
enum class ClientCertificates : std::uint8_t { none, optional, required };

/// What a server shows, and what it requires of its clients.
struct TlsServerOptions {
  /// Of several the server shows the one that is valid for the name that the client sends (SNI);
  /// the first where none is, or the client sends no name.
  std::vector<TlsKeyPair> certificates = {};
  /// Protocol names of RFC 7301, such as "http/1.1", the preferred one first. A client that offers
  /// only others is refused.
  std::vector<std::string> alpn = {};
  ClientCertificates client_certificates = ClientCertificates::none;
  std::string client_ca_file = {};  ///< The issuers of the clients' certificates.
  std::string crl_file = {};        ///< Certificates that were revoked; empty: not checked.
  TlsVersion least_version = TlsVersion::tls_1_2;
  /// A connection whose handshake takes longer is closed.
  Duration handshake_timeout = std::chrono::seconds(10);
};

/// What a client trusts, and what it shows.
struct TlsClientOptions {
  std::string ca_file = {};  ///< The issuers to trust; empty: those of the system.
  std::string crl_file = {};
  std::optional<TlsKeyPair> certificate = {};  ///< For servers that require one.
  std::vector<std::string> alpn = {};
  TlsVersion least_version = TlsVersion::tls_1_2;
  Duration handshake_timeout = std::chrono::seconds(10);
};

/// What the peer's certificate states.
struct TlsCertificate {
  std::string subject = {};  ///< "CN=a.example,O=Example"
  std::string issuer = {};
  std::vector<std::string> names;  ///< The DNS names and IP addresses for which it is valid.
  std::string sha256 = {};         ///< Its fingerprint, in lower-case hexadecimal digits.
};

/// How a connection is protected.
struct TlsInfo {
  std::string version = {};      ///< "TLSv1.3"
  std::string cipher = {};       ///< "TLS_AES_256_GCM_SHA384"
  std::string alpn = {};         ///< The protocol that both sides agreed on; empty if none.
  std::string server_name = {};  ///< The name that the client sent.
  bool resumed = false;          ///< An earlier session was continued.
  std::optional<TlsCertificate> peer_certificate = {};
};

/// Certificates, keys and trusted issuers, shared by all streams that use them.
///
///     auto tls = TlsContext::server({.certificates = {{"chain.pem", "key.pem"}}});
///     if (!tls) return complain(tls.error().message());
///     server_options.tls = *tls;
///
///     auto trust = TlsContext::client();
///     Stream stream = Stream::connect(loop, "example.org:https");
///     stream.secure(*trust, "example.org");
///
/// Peers are verified by default: the chain up to a trusted issuer, the dates, the purpose and the
/// name. TLS 1.2 and 1.3, the ciphers and the security level that OpenSSL is configured with; for a
/// server those with forward secrecy. No renegotiation, no compression, no early data. There is no
/// DTLS for datagrams.
///
/// The library uvreactor-tls contains server() and client(); the rest of the reactor does not need
/// OpenSSL.
///
/// Lifetime  Copies share one state, which streams keep alive.
/// Thread    Any; also reload().
class TlsContext {
 public:
  /// Errors    Before any connection is made: a file that cannot be read or has no certificate, a
  ///           key that needs a password or belongs to another certificate, a key that is too weak.
  [[nodiscard]] static Result<TlsContext> server(TlsServerOptions options);
  [[nodiscard]] static Result<TlsContext> client(TlsClientOptions options = {});

  /// Reads all files again, for connections made from now on. After an error everything remains as
  /// it was. A server that requests the certificates of its clients resumes no earlier sessions
  /// after a reload, so that a revocation counts for them, too.
  [[nodiscard]] Result<void> reload();

  /// Internal.
  class [[gnu::visibility("hidden")]] State;
  explicit TlsContext(std::shared_ptr<State> state) : state_(std::move(state)) {}
  [[nodiscard]] State& state() const { return *state_; }

 private:
  std::shared_ptr<State> state_;
};

}  // namespace reactor
#pragma GCC visibility pop
