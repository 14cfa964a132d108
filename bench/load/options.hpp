// The command line options of the load generator.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "bench/support/endpoint.hpp"

namespace bench {

/// The format of the messages.
enum class Protocol {
  raw,              ///< Bytes, echoed; a message is `size` of them.
  lines,            ///< A line of `size` characters and its LF, echoed.
  length_prefixed,  ///< A 32-bit big-endian length and `size` bytes, echoed.
  http,             ///< GET over HTTP/1.1 with keep-alive.
  udp,              ///< A datagram of `size` bytes, echoed.
  time              ///< A datagram with a strftime format, answered with the time.
};

struct Options {
  std::string target;
  Protocol protocol = Protocol::raw;

  std::size_t connections = 50;
  std::size_t size = 64;
  std::size_t pipeline = 1;
  bool batch = false;
  bool churn = false;
  bool broadcast = false;
  bool tls = false;
  bool tls_resume = false;
  std::string path = "/";

  double rate = 0;  ///< Messages a second, all connections together; 0 is the closed loop.
  double seconds = 2;
  double warm_up = 0.3;
  double ramp = 0;
  std::uint64_t messages = 0;  ///< The run ends after this number; 0 means by time.
  double hold = 0;             ///< Seconds to keep the connections idle afterwards.

  std::size_t idle = 0;
  std::size_t slow_readers = 0;
  std::size_t one_byte = 0;
  std::size_t resets = 0;
  double hostile_interval = 0.001;

  bool verify = false;
  pid_t server_pid = 0;
  bool json = false;

  [[nodiscard]] bool datagrams() const {
    return protocol == Protocol::udp || protocol == Protocol::time;
  }
  [[nodiscard]] bool open_loop() const { return rate > 0; }
};

/// Reads the command line. On --help or an error, prints a text and exits.
Options parse_options(int argc, char** argv);

}  // namespace bench
