// Requests the time from a server, once or at an interval, and prints the responses.
#pragma once

#include <optional>
#include <string>

namespace time_client {

struct Options {
  std::string endpoint;
  std::string format;
  std::optional<double> interval_seconds;
  std::optional<unsigned> count;
  double timeout_seconds = 5;
  bool send_timestamp = false;
  bool sntp = false;
  bool time = false;
  bool daytime = false;
  bool tcp = false;
};

/// Returns the exit code: 1 if a request had no response.
int run(const Options& options);

}  // namespace time_client
