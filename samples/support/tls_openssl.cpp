#include <atomic>
#include <csignal>
#include <cstdio>

#include "reactor/tls/tls_error.hpp"
#include "samples/support/failed.hpp"
#include "samples/support/tls.hpp"

namespace samples {

void ServerTls::add_options(CommandLine& command_line) {
  auto certificate =
      command_line.add_option("--tls-certificate", certificate_file_,
                              "Speak TLS, and show the certificates in this PEM "
                              "file: the server's own, then its issuers'. A "
                              "connection then takes up to 160 KiB more. SIGHUP reads "
                              "the file and that of the key again");
  auto key =
      command_line.add_option("--tls-key", key_file_, "The private key of the certificate, in PEM");
  key.needs(certificate);
  command_line.check([this] {
    return !certificate_file_.empty() && key_file_.empty() ? "--tls-certificate requires --tls-key"
                                                           : "";
  });
}

std::optional<reactor::TlsContext> ServerTls::context() const {
  if (certificate_file_.empty()) return std::nullopt;
  return value_of(reactor::TlsContext::server({.certificates = {{certificate_file_, key_file_}}}));
}

std::optional<reactor::Signal> reload_on_hangup(reactor::Loop& loop,
                                                const std::optional<reactor::TlsContext>& tls) {
  static std::atomic_flag has_one;
  if (!tls || has_one.test_and_set()) return std::nullopt;
  return value_of(reactor::Signal::create(loop, SIGHUP, [context = *tls]() mutable {
    const auto reloaded = context.reload();
    std::fprintf(stderr, "%s\n",
                 reloaded ? "SIGHUP: the certificate and the key were read again"
                          : ("SIGHUP: " + reloaded.error().message()).c_str());
  }));
}

void log_tls_error(const reactor::Error& error) {
  static const std::error_category& tls = make_error_code(reactor::TlsErrc::not_tls).category();
  if (error.code.category() == tls) std::fprintf(stderr, "%s\n", error.message().c_str());
}

void ClientTls::add_options(CommandLine& command_line) {
  auto wanted = command_line.add_flag("--tls", wanted_,
                                      "Speak TLS, and verify the certificate of the server");
  command_line
      .add_option("--tls-ca", ca_file_,
                  "Trust the issuers in this PEM file instead of those of the system")
      .needs(wanted);
  command_line
      .add_option("--tls-name", name_,
                  "The name in the server's certificate, if it is not the host of the endpoint")
      .needs(wanted);
}

void ClientTls::load() {
  if (wanted_) context_ = value_of(reactor::TlsContext::client({.ca_file = ca_file_}));
}

void ClientTls::secure(reactor::Stream& stream, std::string_view endpoint) const {
  if (!context_) return;
  stream.secure(*context_, name_.empty() ? endpoint.substr(0, endpoint.rfind(':')) : name_);
}

bool has_tls() { return true; }

void HttpsTls::add_options(CommandLine& command_line) {
  command_line.add_option("--tls-ca", ca_file_,
                          "For https: trust the issuers in this PEM file instead of those of the "
                          "system");
}

std::optional<reactor::TlsContext> HttpsTls::context() const {
  auto made = reactor::TlsContext::client({.ca_file = ca_file_, .alpn = {"http/1.1"}});
  if (!made && ca_file_.empty()) return std::nullopt;
  return value_of(std::move(made));
}

}  // namespace samples
