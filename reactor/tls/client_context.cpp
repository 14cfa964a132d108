#include <openssl/err.h>

#include <cerrno>
#include <memory>
#include <mutex>
#include <utility>

#include "reactor/stream_filter.hpp"
#include "reactor/tls/context.hpp"
#include "reactor/tls/files.hpp"
#include "reactor/tls/filter.hpp"
#include "reactor/tls/handshake_error.hpp"
#include "reactor/tls/sessions.hpp"

namespace reactor::inline v0 {
namespace tls {
namespace {

int keep_session(SSL* ssl, SSL_SESSION* session) {
  Filter::of(*ssl).keep_session(session);
  return 1;
}

struct ClientFiles {
  SslCtxPtr context;
  Sessions sessions;
};

// The parts of the system's names that a certificate can have.
bool is_name(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_';
    if (!plain) return false;
  }
  return true;
}

// What certificates are checked for: an address without brackets, or a name without a last dot.
Result<void> expect(SSL& ssl, const std::string& name) {
  X509_VERIFY_PARAM* const parameters = SSL_get0_param(&ssl);
  if (X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str()) == 1) return {};
  ERR_clear_error();
  if (!is_name(name)) {
    return Failure(invalid(name, "the name of the server is a host name or an IP address"));
  }
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (SSL_set1_host(&ssl, name.c_str()) != 1 || SSL_set_tlsext_host_name(&ssl, name.c_str()) != 1) {
    return Failure(invalid(name, take_openssl_text()));
  }
  return {};
}

std::string plain_name(std::string_view name) {
  if (name.size() > 2 && name.front() == '[' && name.back() == ']') {
    name = name.substr(1, name.size() - 2);
  }
  if (name.size() > 1 && name.back() == '.') name.remove_suffix(1);
  return std::string(name);
}

class ClientState final : public TlsContext::State {
 public:
  explicit ClientState(TlsClientOptions options) : options_(std::move(options)) {}

  Result<std::unique_ptr<StreamFilter>> make_filter(std::string_view expected) override {
    auto files = current();
    std::string name = plain_name(expected);
    SslPtr ssl(SSL_new(files->context.get()));
    if (!ssl) return Failure(system_error(ENOMEM, "secure connection"));
    if (auto done = expect(*ssl, name); !done) return Failure(done.error());
    if (const SessionPtr session = files->sessions.take(name)) {
      SSL_set_session(ssl.get(), session.get());
    }
    Sessions& sessions = files->sessions;
    return std::make_unique<Filter>(std::move(ssl), Filter::Side::client, std::move(name),
                                    std::move(files), &sessions);
  }

  Result<void> reload() override {
    auto context = make_context(TLS_client_method(), options_.least_version);
    if (!context) return Failure(context.error());
    SSL_CTX& made = **context;
    verify_peers(made, SSL_VERIFY_PEER);
    if (options_.ca_file.empty()) {
      SSL_CTX_set_default_verify_paths(&made);
    } else if (auto done = trust(made, options_.ca_file); !done) {
      return done;
    }
    if (!options_.crl_file.empty()) {
      if (auto done = check_revocation(made, options_.crl_file); !done) return done;
    }
    if (options_.certificate) {
      if (auto done = use_key_pair(made, *options_.certificate); !done) {
        return Failure(done.error());
      }
    }
    auto alpn = encode_alpn(options_.alpn);
    if (!alpn) return Failure(alpn.error());
    SSL_CTX_set_alpn_protos(&made, reinterpret_cast<const unsigned char*>(alpn->data()),
                            static_cast<unsigned>(alpn->size()));
    SSL_CTX_set_session_cache_mode(&made, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(&made, keep_session);
    auto files = std::make_shared<ClientFiles>();
    files->context = std::move(*context);
    const std::lock_guard lock(mutex_);
    files_ = std::move(files);
    return {};
  }

  [[nodiscard]] Duration handshake_timeout() const override { return options_.handshake_timeout; }

 private:
  [[nodiscard]] std::shared_ptr<ClientFiles> current() {
    const std::lock_guard lock(mutex_);
    return files_;
  }

  const TlsClientOptions options_;
  std::mutex mutex_;
  std::shared_ptr<ClientFiles> files_;
};

}  // namespace
}  // namespace tls

Result<TlsContext> TlsContext::client(TlsClientOptions options) {
  auto state = std::make_shared<tls::ClientState>(std::move(options));
  if (auto loaded = state->reload(); !loaded) return Failure(loaded.error());
  return TlsContext(std::move(state));
}

}  // namespace reactor
