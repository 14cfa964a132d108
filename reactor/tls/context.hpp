// What the contexts of servers and of clients have in common. Internal.
#pragma once

#include <string>
#include <vector>

#include "reactor/result.hpp"
#include "reactor/tls/openssl.hpp"
#include "reactor/tls_context.hpp"

namespace reactor::inline v0::tls {

/// An error of what the program has configured.
[[nodiscard]] Error invalid(const std::string& subject, std::string why);

/// No renegotiation, no compression; memory is freed while a connection is idle.
[[nodiscard]] Result<SslCtxPtr> make_context(const SSL_METHOD* method, TlsVersion least);

/// Verifies peers; a refused certificate is kept for the text of the error.
void verify_peers(SSL_CTX& context, int mode);

/// Each name after its length, as RFC 7301 section 3.1 defines.
[[nodiscard]] Result<std::string> encode_alpn(const std::vector<std::string>& names);

}  // namespace reactor::tls
