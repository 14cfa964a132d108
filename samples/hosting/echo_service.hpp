// The service that each program of this folder runs in the loop of another library.
#pragma once

#include <reactor/server.hpp>
#include <reactor/stop_signals.hpp>

#include <cstdio>

struct Echo {
  reactor::Stream& stream;
  void on_data(std::span<const std::byte> bytes) { stream.write(bytes); }
};

/// Sends back what it receives. After SIGTERM or SIGINT it ends in an orderly way, and Loop::poll()
/// returns false when it has ended.
class EchoService {
 public:
  explicit EchoService(reactor::Loop& loop)
      : server_(reactor::Server<Echo>::listen(loop, "127.0.0.1:0").value()),
        signals_(reactor::StopSignals::create(loop, [this] { server_.drain(); }).value()) {
    std::printf("listening on %s\n", server_.address().to_string().c_str());
    std::fflush(stdout);
  }

 private:
  reactor::Server<Echo> server_;
  reactor::StopSignals signals_;
};
