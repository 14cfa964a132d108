// What ping counts and measures.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace icmp {

class Statistics {
 public:
  using Duration = std::chrono::nanoseconds;

  void sent() { ++sent_; }
  void received(Duration round_trip);
  void duplicate() { ++duplicates_; }
  void late() { ++late_; }

  [[nodiscard]] std::uint64_t received() const { return received_; }

  /// Two lines, as ping programs print them; the second only if there was a reply.
  [[nodiscard]] std::string describe(Duration took) const;

 private:
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t duplicates_ = 0;
  std::uint64_t late_ = 0;
  double least_ = 0;  // Milliseconds, as those below.
  double most_ = 0;
  double mean_ = 0;
  double squares_ = 0;  // The sum of the squared distances from the mean.
};

}  // namespace icmp
