// Asks a server for the time, once or every so often, and prints what it answers.
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

/// The exit code: 1 if a question was not answered.
int run(const Options& options);

}  // namespace time_client
