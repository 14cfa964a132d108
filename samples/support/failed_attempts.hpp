// Delays keys that fail again and again, longer each time.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <map>
#include <string>
#include <string_view>

namespace samples {

/// Counts the consecutive failures of each key: an address, a name. The first few cause no pause;
/// each further one doubles the pause before the next attempt.
class FailedAttempts {
 public:
  using Clock = std::chrono::steady_clock;

  struct Limits {
    unsigned free_failures = 10;
    std::chrono::seconds first_pause{1};
    std::chrono::seconds longest_pause{60};
    /// A key without a failure for this long starts anew.
    std::chrono::seconds memory{600};
    /// When there is one more, the key whose last failure is the oldest is forgotten.
    std::size_t most_keys = 10'000;
  };

  explicit FailedAttempts(Limits limits) : limits_(limits) {}

  /// How long `key` has to wait before its next attempt; zero: not at all.
  [[nodiscard]] std::chrono::seconds pause(std::string_view key, Clock::time_point now) const;

  void failed(std::string_view key, Clock::time_point now);
  void succeeded(std::string_view key);

 private:
  struct Failures {
    unsigned count = 0;
    Clock::time_point last;
    std::list<std::string>::iterator place;
  };

  const Limits limits_;
  std::map<std::string, Failures, std::less<>> failures_;
  std::list<std::string> order_;  // The key with the newest failure is the last.
};

}  // namespace samples
