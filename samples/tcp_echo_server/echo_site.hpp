// The echo servers of one thread, and their sessions.
#pragma once

#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "reactor/server.hpp"
#include "samples/support/access.hpp"
#include "samples/support/endpoint.hpp"
#include "samples/support/secret.hpp"
#include "samples/support/tls.hpp"
#include "samples/support/upper.hpp"

namespace tcp_echo_server {

constexpr std::chrono::seconds time_for_login(10);

struct Options {
  std::vector<std::string> endpoints{"127.0.0.1:9000"};
  std::size_t threads = 1;
  std::optional<double> idle_seconds;
  bool upper = false;
  std::optional<reactor::TlsContext> tls;
  std::optional<samples::Secret> secret;
  samples::Access access;
  samples::ReachedAs reached_as;
};

struct Echo {
  reactor::Stream& stream;
  bool upper;
  std::unique_ptr<samples::Gate> gate;  // Empty if every client is served.

  void on_data(std::span<const std::byte> bytes) {
    if (gate) bytes = gate->pass(bytes);
    upper ? stream.write(samples::upper(bytes)) : stream.write(bytes);
  }
  void on_close(const reactor::Error& error) const {
    gate ? samples::log_end(error) : samples::log_tls_error(error);
  }
};

// The servers of one thread.
class EchoSite {
 public:
  EchoSite(reactor::Loop& loop, const Options& options)
      : loop_(loop), options_(options), reload_(samples::reload_on_hangup(loop, options.tls)) {}

  reactor::Result<reactor::Address> listen(const std::string& endpoint) {
    reactor::ServerOptions server{.tls = options_.tls};
    server.listen.reuse_port = options_.threads > 1 && !endpoint.starts_with("unix:");
    if (options_.idle_seconds) {
      server.idle_timeout = std::chrono::milliseconds(std::llround(*options_.idle_seconds * 1000));
      server.first_progress_timeout = server.idle_timeout;
    }
    if (options_.secret) options_.access.apply(server, time_for_login);
    auto listening =
        reactor::Server<Echo>::listen(loop_, endpoint, server, [this](reactor::Stream& stream) {
          Echo echo{stream, options_.upper, nullptr};
          if (options_.secret) {
            echo.gate = std::make_unique<samples::Gate>(
                loop_, stream,
                options_.secret->challenge(
                    samples::Challenge::Side::server,
                    {"tcp_echo", options_.reached_as.endpoints_of(stream), {}}));
          }
          return echo;
        });
    if (!listening) return reactor::Failure(listening.error());
    servers_.push_back(std::move(*listening));
    samples::log_errors(servers_.back());
    return servers_.back().address();
  }

  void drain() {
    for (auto& server : servers_) server.drain();
  }

 private:
  reactor::Loop& loop_;
  const Options& options_;
  std::optional<reactor::Signal> reload_;
  std::vector<reactor::Server<Echo>> servers_;
};

}  // namespace tcp_echo_server
