// What a certificate states, as text. Internal.
#pragma once

#include <string>
#include <vector>

#include "reactor/tls/openssl.hpp"
#include "reactor/tls_context.hpp"

namespace reactor::inline v0::tls {

[[nodiscard]] TlsCertificate describe(const X509& certificate);

/// "*.a.example, 192.0.2.1"; "no name" if it has none.
[[nodiscard]] std::string names_text(const X509& certificate);

/// "expired 3 days ago (2026-11-27)".
[[nodiscard]] std::string expired_text(const X509& certificate);
/// "valid from 2026-12-03, in 3 days".
[[nodiscard]] std::string not_yet_text(const X509& certificate);

[[nodiscard]] bool is_expired(const X509& certificate);

[[nodiscard]] std::string name_text(const X509_NAME* name);

}  // namespace reactor::tls
