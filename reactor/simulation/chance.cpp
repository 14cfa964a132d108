#include "reactor/simulation/chance.hpp"

#include <algorithm>
#include <utility>

namespace reactor::inline v0::simulation {
namespace {

thread_local const std::vector<std::uint64_t>* allowed_faults = nullptr;
thread_local std::uint64_t last_faults = 0;

std::uint64_t seed_of(std::uint64_t seed, std::uint64_t purpose) {
  return Random(seed ^ (purpose << 56)).next();
}

}  // namespace

Chance::Chance(std::uint64_t seed, Trace& trace)
    : timing(seed_of(seed, 1)),
      sizes(seed_of(seed, 2)),
      order(seed_of(seed, 3)),
      user(seed_of(seed, 4)),
      faults_(seed_of(seed, 5)),
      trace_(trace) {}

const std::vector<std::uint64_t>* allow_faults(const std::vector<std::uint64_t>* numbers) {
  return std::exchange(allowed_faults, numbers);
}

std::uint64_t faults_of_last_world() { return last_faults; }

Chance::~Chance() { last_faults = injected_; }

bool Chance::inject(const char* what) {
  const std::uint64_t number = injected_++;
  if (allowed_faults &&
      !std::binary_search(allowed_faults->begin(), allowed_faults->end(), number)) {
    return false;
  }
  trace_.note("fault " + std::to_string(number) + ": " + what);
  return true;
}

}  // namespace reactor::simulation
