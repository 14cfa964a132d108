// The echo server behind the command line: whose sockets it serves on, and who replaces it.
#pragma once

#include <span>
#include <string>

#include "reactor/stream.hpp"

/// The session of a connection.
struct Echo {
  reactor::Stream& stream;
  void on_data(std::span<const std::byte> bytes) { stream.write(bytes); }
};

struct Options {
  std::string endpoint = "127.0.0.1:9000";
  std::string hand_over;  // Empty: no other process takes over.
  int drain_seconds = 30;
};

/// Serves until SIGINT or SIGTERM, or until another process has taken over and all connections end.
void serve(const Options& options);
