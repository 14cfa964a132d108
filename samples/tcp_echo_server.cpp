// The smallest server: whatever a client sends comes back.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <functional>
#include <future>
#include <string>
#include <vector>

#include "reactor/loop_pool.hpp"
#include "reactor/server.hpp"
#include "support/program.hpp"

namespace {

struct Options {
  std::vector<std::string> endpoints{"127.0.0.1:9000"};
  std::size_t threads = 1;
  double idle_seconds = 0;
  bool upper = false;
};

struct Echo {
  reactor::Stream& stream;
  bool upper;

  void on_data(std::span<const std::byte> bytes) {
    if (!upper) {
      stream.write(bytes);
      return;
    }
    std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char letter) { return std::toupper(letter); });
    stream.write(text);
  }
};

using EchoServer = reactor::Server<Echo>;

EchoServer listen(reactor::Loop& loop, const std::string& endpoint, const Options& options) {
  reactor::ServerOptions server;
  server.listen.reuse_port = options.threads > 1 && !endpoint.starts_with("unix:");
  server.idle_timeout = std::chrono::milliseconds(std::llround(options.idle_seconds * 1000));
  return samples::value_of(EchoServer::listen(loop, endpoint, server, [&](reactor::Stream& stream) {
    return Echo{stream, options.upper};
  }));
}

// Tells the others on which ports.
std::vector<EchoServer> listen_on_all(reactor::Loop& loop, const Options& options,
                                      std::promise<std::vector<std::string>>& ports) {
  std::vector<EchoServer> servers;
  std::vector<std::string> shared;
  for (const std::string& endpoint : options.endpoints) {
    servers.push_back(listen(loop, endpoint, options));
    if (!endpoint.starts_with("unix:")) shared.push_back(servers.back().address().to_string());
  }
  ports.set_value(shared);
  return servers;
}

// One loop on each thread. The first listens first: a port 0 becomes a real one that the others
// share, but for unix sockets, which are its alone.
void serve(const Options& options) {
  reactor::LoopPool pool(options.threads);
  std::promise<std::vector<std::string>> listening;
  const std::shared_future<std::vector<std::string>> shared = listening.get_future().share();

  std::vector<std::function<void()>> drains(pool.size());  // Each is its own thread's.

  pool.run([&](reactor::Loop& loop, std::size_t thread) {
    std::vector<EchoServer> servers;
    std::vector<reactor::Signal> signals;
    drains[thread] = [&] {
      for (EchoServer& server : servers) server.drain();
    };
    if (thread > 0) {
      for (const std::string& port : shared.get()) servers.push_back(listen(loop, port, options));
      return loop.run();
    }
    try {
      servers = listen_on_all(loop, options, listening);
    } catch (...) {
      listening.set_exception(std::current_exception());  // Or the others would wait for ever.
      throw;
    }
    signals = samples::stop_on_signals(loop, [&] {
      for (std::size_t other = 0; other < pool.size(); ++other) {
        pool.post(other, [&drains, other] { drains[other](); });
      }
    });
    for (const EchoServer& server : servers) samples::announce(server.address());
    loop.run();
  });
}

}  // namespace

int main(int count, char** words) {
  Options options;
  CLI::App command_line{
      "Sends back whatever a client sends.\n"
      "Example: tcp_echo_server --listen 127.0.0.1:9000 --listen unix:/tmp/echo --threads 2"};
  command_line.option_defaults()->always_capture_default();
  command_line
      .add_option("--listen", options.endpoints,
                  "HOST:PORT, [::1]:PORT or unix:PATH; may be repeated; port 0: any")
      ->take_all();
  command_line.add_flag("--upper", options.upper, "Answer in upper case");
  command_line.add_option("--threads", options.threads, "Loops, one a thread")
      ->check(CLI::Range(1, 1024));
  command_line
      .add_option("--idle-timeout", options.idle_seconds,
                  "Seconds after which a silent client is disconnected; 0: never")
      ->check(CLI::NonNegativeNumber);
  return samples::run_program(command_line, count, words, [&] { serve(options); });
}
