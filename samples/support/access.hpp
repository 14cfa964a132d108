// The limits of a server with users for clients that have not logged in.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>

#include "reactor/server.hpp"
#include "samples/support/command_line.hpp"

namespace samples {

/// Limits for connections of clients that have not logged in, so that they leave room for users.
struct Access {
  std::size_t max_per_address = 1000;
  std::size_t max_unaccepted = 256;

  /// `when` is the condition for these options, if there is one: "With --secret-file: ".
  void add_options(CommandLine& command_line, const std::string& when = "") {
    command_line
        .add_option("--max-per-address", max_per_address,
                    when +
                        "Connections from one IPv4 address, or one IPv6 network of 64 bits; "
                        "one more is reset")
        .positive();
    command_line
        .add_option("--max-unaccepted", max_unaccepted,
                    when +
                        "Connections that have not logged in; one more takes the place of the "
                        "oldest")
        .positive();
  }

  /// A session disconnects a client that has not logged in after `patience`. The connection is
  /// reset a little later, in case the client keeps it open by sending more.
  void apply(reactor::ServerOptions& options, reactor::Duration patience) const {
    constexpr std::chrono::seconds for_the_end(5);
    options.max_per_network = max_per_address;
    options.max_unaccepted = max_unaccepted;
    options.unaccepted_timeout = patience + for_the_end;
  }
};

/// Writes a line to standard error for a connection that ended by `error`. Server::on_error reports
/// rejected connections, but only now and then: there may be thousands in a second.
inline void log_end(const reactor::Error& error) {
  if (!error || error.code == reactor::gave_way()) return;
  if (error.code == reactor::not_accepted_in_time()) return;
  std::fprintf(stderr, "%s\n", error.message().c_str());
}

/// Writes what the Server reports to standard error.
template <class Server>
void log_errors(Server& server) {
  server.on_error(
      [](const reactor::Error& error) { std::fprintf(stderr, "%s\n", error.message().c_str()); });
}

}  // namespace samples
