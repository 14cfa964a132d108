// Who may try to log in now.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "samples/support/failed_attempts.hpp"

namespace file_transfer {

/// Holds back a network, and a name, whose logins fail again and again. A network from which the
/// last login of a name came is not held back by what others do with that name.
class LoginGuard {
 public:
  using Clock = samples::FailedAttempts::Clock;

  /// How long the next login of `user` from `network` has to wait; zero: not at all. Nobody's name
  /// is empty: the answer is the network's alone.
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
