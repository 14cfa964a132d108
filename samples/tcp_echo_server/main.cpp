// The smallest server: whatever a client sends comes back.
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "reactor/serve_on_threads.hpp"
#include "reactor/server.hpp"
#include "samples/support/access.hpp"
#include "samples/support/endpoint.hpp"
#include "samples/support/memory.hpp"
#include "samples/support/program.hpp"
#include "samples/support/secret.hpp"
#include "samples/support/upper.hpp"

namespace {

constexpr std::chrono::seconds time_for_login(10);

struct Options {
  std::vector<std::string> endpoints{"127.0.0.1:9000"};
  std::size_t threads = 1;
  std::optional<double> idle_seconds;
  bool upper = false;
  std::optional<samples::Secret> secret;
  samples::Access access;
  samples::ReachedAs reached_as;
};

struct Echo {
  reactor::Stream& stream;
  bool upper;
  std::unique_ptr<samples::Gate> gate;  // None where everybody is served.

  void on_data(std::span<const std::byte> bytes) {
    if (gate) bytes = gate->pass(bytes);
    upper ? stream.write(samples::upper(bytes)) : stream.write(bytes);
  }
  void on_close(const reactor::Error& error) const {
    if (gate) samples::log_end(error);
  }
};

// The servers of one thread.
class EchoSite {
 public:
  EchoSite(reactor::Loop& loop, const Options& options) : loop_(loop), options_(options) {}

  reactor::Result<reactor::Address> listen(const std::string& endpoint) {
    reactor::ServerOptions server;
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
  std::vector<reactor::Server<Echo>> servers_;
};

void serve(const Options& options) {
  samples::check(reactor::serve_on_threads(
      options.endpoints, options.threads,
      [&](reactor::Loop& loop) { return EchoSite(loop, options); }, samples::announce_all));
}

}  // namespace

int main(int count, char** words) {
  Options options;
  std::string secret_file;
  std::vector<std::string> reached_as;
  samples::CommandLine command_line{
      "Sends back whatever a client sends.\n"
      "Example: tcp_echo_server --listen 127.0.0.1:9000 --listen unix:/tmp/echo --threads 2"};
  reactor::ServerOptions largest;
  options.access.apply(largest, time_for_login);
  command_line.footer(samples::memory_text(largest, sizeof(Echo)));
  command_line.add_option("--listen", options.endpoints,
                          "HOST:PORT, [::1]:PORT or unix:PATH; may be repeated; port 0: any");
  command_line.add_flag("--upper", options.upper, "Answer in upper case");
  command_line.add_option("--threads", options.threads, "Loops, one a thread").within(1, 1024);
  command_line
      .add_option("--idle-timeout", options.idle_seconds,
                  "Seconds after which a silent client is disconnected; 0: never. Without it: 30 s "
                  "for a client that has not sent anything, no limit for others")
      .not_negative();
  const auto with_secret = command_line.add_option(
      "--secret-file", secret_file,
      "Serve only clients that prove to know what is in this file, which only its owner may read; "
      "take one secret for each service");
  command_line.add_option("--reached-as", reached_as, samples::reached_as_help).needs(with_secret);
  options.access.add_options(command_line, "With --secret-file: ");
  return samples::run_program(command_line, count, words, [&] {
    if (!secret_file.empty()) options.secret = samples::Secret::read(secret_file);
    options.reached_as = samples::ReachedAs(reached_as);
    serve(options);
  });
}
