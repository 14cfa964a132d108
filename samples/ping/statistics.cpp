#include "samples/ping/statistics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace icmp {

// Welford's method, which does not lose digits as a sum of squares does.
void Statistics::received(Duration round_trip) {
  const double time = std::chrono::duration<double, std::milli>(round_trip).count();
  ++received_;
  least_ = received_ == 1 ? time : std::min(least_, time);
  most_ = std::max(most_, time);
  const double distance = time - mean_;
  mean_ += distance / static_cast<double>(received_);
  squares_ += distance * (time - mean_);
}

std::string Statistics::describe(Duration took) const {
  std::string text = fmt::format("{} packets transmitted, {} received", sent_, received_);
  if (duplicates_ > 0) text += fmt::format(", +{} duplicates", duplicates_);
  if (late_ > 0) text += fmt::format(", +{} late", late_);
  const double loss =
      sent_ == 0 ? 0 : 100 * static_cast<double>(sent_ - received_) / static_cast<double>(sent_);
  text += fmt::format(", {:.6g}% packet loss, time {}ms\n", loss,
                      std::chrono::duration_cast<std::chrono::milliseconds>(took).count());
  if (received_ == 0) return text;
  return text + fmt::format("rtt min/avg/max/mdev = {:.3f}/{:.3f}/{:.3f}/{:.3f} ms\n", least_,
                            mean_, most_, std::sqrt(squares_ / static_cast<double>(received_)));
}

}  // namespace icmp
