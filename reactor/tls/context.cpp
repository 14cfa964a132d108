#include "reactor/tls/context.hpp"

#include <cerrno>
#include <utility>

#include "reactor/tls/filter.hpp"
#include "reactor/tls/handshake_error.hpp"

namespace reactor::inline v0 {
namespace tls {
namespace {

int note_refused(int accepted, X509_STORE_CTX* store) {
  if (accepted == 1) return 1;
  const auto* const ssl = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  if (X509* const certificate = X509_STORE_CTX_get_current_cert(store)) {
    Filter::of(*ssl).refuse(certificate);
  }
  return 0;
}

}  // namespace

Error invalid(const std::string& subject, std::string why) {
  Error error = system_error(EINVAL, "configure TLS", subject);
  error.hint = std::move(why);
  return error;
}

Result<SslCtxPtr> make_context(const SSL_METHOD* method, TlsVersion least) {
  SslCtxPtr context(SSL_CTX_new(method));
  if (!context) return Failure(invalid("OpenSSL", take_openssl_text()));
  SSL_CTX_set_min_proto_version(context.get(),
                                least == TlsVersion::tls_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE |
                                         SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
  return context;
}

Result<std::string> encode_alpn(const std::vector<std::string>& names) {
  std::string encoded;
  for (const std::string& name : names) {
    if (name.empty() || name.size() > 255) {
      return Failure(invalid("ALPN", "a protocol name has 1 to 255 bytes"));
    }
    encoded += static_cast<char>(name.size());
    encoded += name;
  }
  return encoded;
}

void verify_peers(SSL_CTX& context, int mode) { SSL_CTX_set_verify(&context, mode, note_refused); }

}  // namespace tls

Result<void> TlsContext::reload() { return state_->reload(); }

}  // namespace reactor
