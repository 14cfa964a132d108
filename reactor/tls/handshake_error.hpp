// Why OpenSSL has refused something, as an Error. Internal.
#pragma once

#include <string>

#include "reactor/result.hpp"
#include "reactor/tls/openssl.hpp"

namespace reactor::inline v0::tls {

/// For the operation on `ssl` that has failed. `refused` is the certificate that was not accepted,
/// or null; `name` the server that a client expected.
[[nodiscard]] Error error_of(const SSL& ssl, const X509* refused, const std::string& operation,
                             const std::string& name);

/// The text of the last error of OpenSSL in this thread; empties its list of errors.
[[nodiscard]] std::string take_openssl_text();

}  // namespace reactor::tls
