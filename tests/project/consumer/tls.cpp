// The same with TLS: trusts the issuers of the system.
#include <reactor/stream.hpp>
#include <reactor/tls/tls_error.hpp>

#include <cstdio>

int main() {
  const auto trust = reactor::TlsContext::client({.ca_file = "/no/such/file"});
  const std::error_code own = make_error_code(reactor::TlsErrc::truncated);
  std::printf("%s; %s\n", trust.error().message().c_str(), own.message().c_str());
}
