// Decides when a client may try to log in.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "samples/support/failed_attempts.hpp"

namespace file_transfer {

/// Delays logins from a network, and of a name, after repeated failures. Failures of other networks
/// with a name do not delay the network from which the last login of that name came.
class LoginGuard {
 public:
  using Clock = samples::FailedAttempts::Clock;

  /// How long the next login of `user` from `network` has to wait; zero: not at all. No user has an
  /// empty name: the result is then that of the network alone.
  [[nodiscard]] std::chrono::seconds pause(const std::string& network, const std::string& user,
                                           Clock::time_point now = Clock::now()) const;

  void failed(const std::string& network, const std::string& user,
              Clock::time_point now = Clock::now());
  void passed(const std::string& network, const std::string& user);

 private:
  samples::FailedAttempts networks_{{.free_failures = 10}};
  samples::FailedAttempts names_{{.free_failures = 30}};
  std::map<std::string, std::string> last_network_;  // By name: no more than there are accounts.
};

}  // namespace file_transfer
