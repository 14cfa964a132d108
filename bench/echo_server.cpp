// The library's echo server, as it is measured: `echo_server [--listen HOST:PORT] [--threads N]
// [--messages BYTES] [--spin MICROSECONDS]`.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include "reactor/loop_pool.hpp"
#include "reactor/server.hpp"
#include "reactor/signal.hpp"

namespace {

using Bytes = std::span<const std::byte>;

struct Options {
  std::string listen = "127.0.0.1:0";
  std::size_t threads = 1;
  std::size_t message_bytes = 0;
  unsigned spin_microseconds = 0;
};

// Answers what one read brought.
struct Echo {
  reactor::Stream& stream;
  void on_data(Bytes bytes) { stream.write(bytes); }
};

// Answers each message by a write of its own.
struct MessageEcho {
  reactor::Stream& stream;
  const std::size_t message_bytes;
  std::string partial = {};  // The beginning of a message.

  void on_data(Bytes bytes) {
    if (!partial.empty()) {
      const Bytes rest = bytes.first(std::min(bytes.size(), message_bytes - partial.size()));
      partial.append(reinterpret_cast<const char*>(rest.data()), rest.size());
      bytes = bytes.subspan(rest.size());
      if (partial.size() < message_bytes) return;
      stream.write(partial);
    }
    for (; bytes.size() >= message_bytes; bytes = bytes.subspan(message_bytes)) {
      stream.write(bytes.first(message_bytes));
    }
    partial.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
};

void check(const auto& result) {
  if (!result) throw std::runtime_error(result.error().message());
}

template <class Session>
void serve(reactor::Loop& loop, const Options& options, auto make_session) {
  reactor::ServerOptions settings;
  settings.listen.reuse_port = options.threads > 1;
  auto server =
      reactor::Server<Session>::listen(loop, options.listen, settings, std::move(make_session));
  check(server);
  std::printf("listening on %s\n", server->address().to_string().c_str());
  std::fflush(stdout);
  auto end = reactor::Signal::create(loop, SIGTERM, [&loop] { loop.stop(); });
  check(end);
  loop.run();
}

void serve(reactor::Loop& loop, const Options& options) {
  if (options.message_bytes == 0) {
    serve<Echo>(loop, options, [](reactor::Stream& stream) { return Echo{stream}; });
  } else {
    serve<MessageEcho>(loop, options, [size = options.message_bytes](reactor::Stream& stream) {
      return MessageEcho{stream, size};
    });
  }
}

void run(const Options& options) {
  if (options.threads > 1) {
    reactor::LoopPool pool(options.threads);
    pool.run([&](reactor::Loop& loop, std::size_t) { serve(loop, options); });
  } else {
    reactor::Loop loop({.spin = std::chrono::microseconds(options.spin_microseconds)});
    serve(loop, options);
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("The library's echo server, as it is measured.", "echo_server");
  app.option_defaults()->always_capture_default();
  app.add_option("--listen", options.listen, "HOST:PORT, [::1]:PORT or unix:PATH");
  app.add_option("--threads", options.threads, "Loops, each on a thread of its own");
  app.add_option("--messages", options.message_bytes,
                 "Answer each message of so many bytes by a write of its own; 0: answer each read");
  app.add_option("--spin", options.spin_microseconds,
                 "Microseconds to look for events before sleeping; one thread only");
  CLI11_PARSE(app, argc, argv);
  try {
    run(options);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
