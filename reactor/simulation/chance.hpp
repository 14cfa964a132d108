// Decides by the seed which faults happen. Internal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/simulation/conditions.hpp"
#include "reactor/simulation/random.hpp"
#include "reactor/simulation/trace.hpp"

namespace reactor::inline v0::simulation {

/// Sets which faults the worlds of this thread may inject, by their numbers in order; null: all.
/// Returns what was set before.
const std::vector<std::uint64_t>* allow_faults(const std::vector<std::uint64_t>* numbers);

/// How many faults the world of this thread that ended last could have injected.
[[nodiscard]] std::uint64_t faults_of_last_world();

/// Each purpose has a generator of its own, so that a decision of one kind does not change those of
/// the others.
class Chance {
 public:
  Chance(std::uint64_t seed, Trace& trace);
  ~Chance();
  Chance(const Chance&) = delete;
  Chance& operator=(const Chance&) = delete;

  /// A fault with this probability. It is recorded, and counted.
  [[nodiscard]] bool happens(double probability, const char* what) {
    return probability > 0 && faults_.happens(probability) && inject(what);
  }
  [[nodiscard]] std::uint64_t injected() const { return injected_; }

  [[nodiscard]] std::int64_t in(const Range& range) {
    return timing.between(range.least.count(), range.most.count());
  }

  Faults rates{};
  Random timing;
  Random sizes;
  Random order;
  Random user;

 private:
  [[nodiscard]] bool inject(const char* what);

  Random faults_;
  Trace& trace_;
  std::uint64_t injected_ = 0;
};

}  // namespace reactor::simulation
