// The options by which the samples speak TLS. Without OpenSSL they do not exist.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "reactor/loop.hpp"
#include "reactor/signal.hpp"
#include "reactor/stream.hpp"
#include "reactor/tls_context.hpp"
#include "samples/support/command_line.hpp"

namespace samples {

/// `--tls-certificate F --tls-key F` of a server.
class ServerTls {
 public:
  void add_options(CommandLine& command_line);

  /// Empty if the options were not given. Throws Failed for files that cannot be used.
  [[nodiscard]] std::optional<reactor::TlsContext> context() const;

 private:
  std::string certificate_file_;
  std::string key_file_;
};

/// While the result exists, each SIGHUP reads the files again. Writes a line to standard error; if a
/// file cannot be used, the line says why, and the certificates stay as they are. Empty without TLS,
/// and for all loops of the process but the first.
///
/// Thread    Any.
[[nodiscard]] std::optional<reactor::Signal> reload_on_hangup(
    reactor::Loop& loop, const std::optional<reactor::TlsContext>& tls);

/// Writes a line to standard error for a connection that ended because its client does not speak
/// TLS, or was refused.
void log_tls_error(const reactor::Error& error);

/// `--tls --tls-ca F --tls-name NAME` of a client.
class ClientTls {
 public:
  void add_options(CommandLine& command_line);

  /// Reads the files. Throws Failed if one cannot be used.
  void load();

  /// Secures a connection to `endpoint` if the options demand it.
  void secure(reactor::Stream& stream, std::string_view endpoint) const;

 private:
  bool wanted_ = false;
  std::string ca_file_;
  std::string name_;
  std::optional<reactor::TlsContext> context_;
};

/// False in a build without OpenSSL.
[[nodiscard]] bool has_tls();

/// `--tls-ca F` of a client of https.
class HttpsTls {
 public:
  void add_options(CommandLine& command_line);

  /// Empty without TLS, and if the system has no issuers to trust and the option names none. Throws
  /// Failed for a file that cannot be used.
  [[nodiscard]] std::optional<reactor::TlsContext> context() const;

 private:
  std::string ca_file_;
};

}  // namespace samples
