// In place of tls_openssl.cpp where there is no OpenSSL.
#include "bench/load/tls.hpp"

namespace bench {

std::unique_ptr<TlsConnection> make_tls_connection(bool) { return nullptr; }

}  // namespace bench
