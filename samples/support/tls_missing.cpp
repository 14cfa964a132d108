// In place of tls_openssl.cpp where the library is built without TLS: there are no options for it.
#include "samples/support/tls.hpp"

namespace samples {

void ServerTls::add_options(CommandLine&) {}
std::optional<reactor::TlsContext> ServerTls::context() const { return std::nullopt; }
std::optional<reactor::Signal> reload_on_hangup(reactor::Loop&,
                                                const std::optional<reactor::TlsContext>&) {
  return std::nullopt;
}
void log_tls_error(const reactor::Error&) {}
void ClientTls::add_options(CommandLine&) {}
void ClientTls::load() {}
void ClientTls::secure(reactor::Stream&, std::string_view) const {}
bool has_tls() { return false; }
void HttpsTls::add_options(CommandLine&) {}
std::optional<reactor::TlsContext> HttpsTls::context() const { return std::nullopt; }

}  // namespace samples
