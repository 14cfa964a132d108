#include <cerrno>
#include <memory>
#include <mutex>
#include <utility>

#include "reactor/stream_filter.hpp"
#include "reactor/tls/context.hpp"
#include "reactor/tls/files.hpp"
#include "reactor/tls/filter.hpp"
#include "reactor/tls/ticket_keys.hpp"

namespace reactor::inline v0 {
namespace tls {
namespace {

struct Certificate {
  SslCtxPtr context;
  X509Ptr certificate;
};

// What reload() replaces.
struct ServerFiles {
  std::vector<Certificate> certificates;
  std::string alpn;
  std::shared_ptr<TicketKeys> ticket_keys;
};

int choose_certificate(SSL* ssl, int*, void* files) {
  const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (!name) return SSL_TLSEXT_ERR_NOACK;
  for (const Certificate& each : static_cast<const ServerFiles*>(files)->certificates) {
    if (X509_check_host(each.certificate.get(), name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
                        nullptr) == 1) {
      SSL_set_SSL_CTX(ssl, each.context.get());
      return SSL_TLSEXT_ERR_OK;
    }
  }
  return SSL_TLSEXT_ERR_NOACK;
}

int choose_alpn(SSL*, const unsigned char** chosen, unsigned char* size,
                const unsigned char* offered, unsigned offered_size, void* files) {
  const std::string& ours = static_cast<const ServerFiles*>(files)->alpn;
  const int found =
      SSL_select_next_proto(const_cast<unsigned char**>(chosen), size,
                            reinterpret_cast<const unsigned char*>(ours.data()),
                            static_cast<unsigned>(ours.size()), offered, offered_size);
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

// Removes the ciphers of TLS 1.2 whose key exchange is encrypted by the key of the certificate: with
// a stolen key all that was recorded could be decrypted, and errors of the encryption are an oracle
// (ROBOT, 2017). The others stay as OpenSSL is configured.
void keep_forward_secrecy(SSL_CTX& context) {
  std::string names;
  const STACK_OF(SSL_CIPHER)* const ciphers = SSL_CTX_get_ciphers(&context);
  for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); ++i) {
    const SSL_CIPHER* const cipher = sk_SSL_CIPHER_value(ciphers, i);
    const int exchange = SSL_CIPHER_get_kx_nid(cipher);
    if (exchange == NID_kx_rsa || exchange == NID_kx_any) continue;  // "Any": TLS 1.3.
    names += (names.empty() ? "" : ":") + std::string(SSL_CIPHER_get_name(cipher));
  }
  if (!names.empty()) SSL_CTX_set_cipher_list(&context, names.c_str());
}

Result<void> request_client_certificates(SSL_CTX& context, const TlsServerOptions& options) {
  if (options.client_certificates == ClientCertificates::none) return {};
  const int mode = options.client_certificates == ClientCertificates::required
                       ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                       : SSL_VERIFY_PEER;
  verify_peers(context, mode);
  if (auto trusted = trust(context, options.client_ca_file); !trusted) return trusted;
  if (auto names = read_certificates(options.client_ca_file)) {
    for (const X509Ptr& issuer : *names) SSL_CTX_add_client_CA(&context, issuer.get());
  }
  return options.crl_file.empty() ? Result<void>() : check_revocation(context, options.crl_file);
}

Result<Certificate> load(const TlsKeyPair& pair, const TlsServerOptions& options,
                         ServerFiles& files) {
  auto context = make_context(TLS_server_method(), options.least_version);
  if (!context) return Failure(context.error());
  keep_forward_secrecy(**context);
  auto certificate = use_key_pair(**context, pair);
  if (!certificate) return Failure(certificate.error());
  if (auto done = request_client_certificates(**context, options); !done) {
    return Failure(done.error());
  }
  static constexpr unsigned char id[] = "uvreactor";
  SSL_CTX_set_session_id_context(context->get(), id, sizeof id - 1);
  SSL_CTX_set_session_cache_mode(context->get(), SSL_SESS_CACHE_OFF);
  files.ticket_keys->serve(**context);
  SSL_CTX_set_tlsext_servername_callback(context->get(), choose_certificate);
  SSL_CTX_set_tlsext_servername_arg(context->get(), &files);
  if (!files.alpn.empty()) SSL_CTX_set_alpn_select_cb(context->get(), choose_alpn, &files);
  return Certificate{std::move(*context), std::move(*certificate)};
}

class ServerState final : public TlsContext::State {
 public:
  explicit ServerState(TlsServerOptions options) : options_(std::move(options)) {}

  Result<std::unique_ptr<StreamFilter>> make_filter(std::string_view) override {
    auto files = current();
    SslPtr ssl(SSL_new(files->certificates.front().context.get()));
    if (!ssl) return Failure(system_error(ENOMEM, "secure connection"));
    return std::make_unique<Filter>(std::move(ssl), Filter::Side::server, "", std::move(files),
                                    nullptr);
  }

  Result<void> reload() override {
    if (options_.certificates.empty()) {
      return Failure(invalid("server", "it needs a certificate"));
    }
    auto alpn = encode_alpn(options_.alpn);
    if (!alpn) return Failure(alpn.error());
    auto files = std::make_shared<ServerFiles>();
    files->alpn = std::move(*alpn);
    files->ticket_keys = new_keys();
    for (const TlsKeyPair& pair : options_.certificates) {
      auto loaded = load(pair, options_, *files);
      if (!loaded) return Failure(loaded.error());
      files->certificates.push_back(std::move(*loaded));
    }
    const std::lock_guard lock(mutex_);
    files_ = std::move(files);
    return {};
  }

  [[nodiscard]] Duration handshake_timeout() const override { return options_.handshake_timeout; }

 private:
  // A resumed session does not show the certificate of the client again. What the new files say of
  // it (another issuer, a revocation) must count for old sessions, too.
  [[nodiscard]] std::shared_ptr<TicketKeys> new_keys() const {
    return options_.client_certificates == ClientCertificates::none
               ? ticket_keys_
               : std::make_shared<TicketKeys>();
  }

  [[nodiscard]] std::shared_ptr<ServerFiles> current() {
    const std::lock_guard lock(mutex_);
    return files_;
  }

  const TlsServerOptions options_;
  const std::shared_ptr<TicketKeys> ticket_keys_ = std::make_shared<TicketKeys>();
  std::mutex mutex_;
  std::shared_ptr<ServerFiles> files_;
};

}  // namespace
}  // namespace tls

Result<TlsContext> TlsContext::server(TlsServerOptions options) {
  auto state = std::make_shared<tls::ServerState>(std::move(options));
  if (auto loaded = state->reload(); !loaded) return Failure(loaded.error());
  return TlsContext(std::move(state));
}

}  // namespace reactor
