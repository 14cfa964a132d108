#include "samples/support/failed_attempts.hpp"

#include <algorithm>

namespace samples {

std::chrono::seconds FailedAttempts::pause(std::string_view key, Clock::time_point now) const {
  const auto found = failures_.find(key);
  if (found == failures_.end()) return {};
  const Failures& failures = found->second;
  if (failures.count < limits_.free_failures || now - failures.last > limits_.memory) return {};
  constexpr unsigned most_doublings = 30;
  const unsigned doublings = std::min(failures.count - limits_.free_failures, most_doublings);
  const std::chrono::seconds doubled = limits_.first_pause * (1L << doublings);
  const auto whole = std::min(doubled, limits_.longest_pause);
  const auto left = std::chrono::ceil<std::chrono::seconds>(failures.last + whole - now);
  return std::max(left, std::chrono::seconds(0));
}

void FailedAttempts::failed(std::string_view key, Clock::time_point now) {
  auto found = failures_.find(key);
  if (found == failures_.end()) {
    if (failures_.size() >= limits_.most_keys) succeeded(std::string(order_.front()));
    found = failures_.emplace(std::string(key), Failures{}).first;
    found->second.place = order_.insert(order_.end(), found->first);
  }
  Failures& failures = found->second;
  if (now - failures.last > limits_.memory) failures.count = 0;
  ++failures.count;
  failures.last = now;
  order_.splice(order_.end(), order_, failures.place);
}

void FailedAttempts::succeeded(std::string_view key) {
  const auto found = failures_.find(key);
  if (found == failures_.end()) return;
  order_.erase(found->second.place);
  failures_.erase(found);
}

}  // namespace samples
