// Certificates and keys from PEM files, with errors that name the file. Internal.
#pragma once

#include <string>
#include <vector>

#include "reactor/result.hpp"
#include "reactor/tls/openssl.hpp"
#include "reactor/tls_context.hpp"

namespace reactor::inline v0::tls {

/// All certificates of the file; at least one.
[[nodiscard]] Result<std::vector<X509Ptr>> read_certificates(const std::string& file);

[[nodiscard]] Result<KeyPtr> read_key(const std::string& file);

/// Makes `context` show this certificate. Returns it.
[[nodiscard]] Result<X509Ptr> use_key_pair(SSL_CTX& context, const TlsKeyPair& pair);

/// Trusts the issuers in the file.
[[nodiscard]] Result<void> trust(SSL_CTX& context, const std::string& ca_file);

/// Refuses the certificates that the file revokes, and those whose issuer has no list in it.
[[nodiscard]] Result<void> check_revocation(SSL_CTX& context, const std::string& crl_file);

}  // namespace reactor::tls
