#include "reactor/simulation/seeds.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <numeric>
#include <optional>
#include <string>

#include "reactor/simulation/chance.hpp"

namespace reactor::inline v0::simulation {
namespace {

using Numbers = std::vector<std::uint64_t>;

constexpr const char* seed_name = "UVREACTOR_SEED";
constexpr const char* faults_name = "UVREACTOR_FAULTS";

std::optional<std::uint64_t> number_in_environment(const char* name) {
  const char* const text = std::getenv(name);
  if (!text || !*text) return std::nullopt;
  return std::strtoull(text, nullptr, 10);
}

std::optional<Numbers> faults_in_environment() {
  const char* text = std::getenv(faults_name);
  if (!text) return std::nullopt;
  Numbers numbers;
  while (*text) {
    char* end = nullptr;
    numbers.push_back(std::strtoull(text, &end, 10));
    if (end == text) break;
    text = *end ? end + 1 : end;
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

// As a shell reads it back, unless an argument contains a quotation mark.
std::string command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string line;
  for (std::string argument; std::getline(file, argument, '\0');) {
    const bool plain = argument.find_first_of(" *\"$&|<>();") == std::string::npos;
    line += (line.empty() ? "" : " ") + (plain ? argument : "'" + argument + "'");
  }
  return line.empty() ? "the program" : line;
}

std::string joined(const Numbers& numbers) {
  std::string text;
  for (const std::uint64_t number : numbers) {
    text += (text.empty() ? "" : ",") + std::to_string(number);
  }
  return text;
}

class Allowing {
 public:
  explicit Allowing(const Numbers* faults) : before_(allow_faults(faults)) {}
  ~Allowing() { allow_faults(before_); }
  Allowing(const Allowing&) = delete;
  Allowing& operator=(const Allowing&) = delete;

 private:
  const Numbers* const before_;
};

void print_failure(std::uint64_t seed) {
  std::fprintf(stderr, "seed %llu fails; repeat it by\n  %s=%llu %s\n",
               static_cast<unsigned long long>(seed), seed_name,
               static_cast<unsigned long long>(seed), command_line().c_str());
}

bool succeeds(std::uint64_t seed, SeededTest& test) {
  try {
    if (test(seed)) return true;
  } catch (...) {
    print_failure(seed);
    throw;
  }
  print_failure(seed);
  return false;
}

std::chrono::steady_clock::time_point real_time() {
  return std::chrono::steady_clock::now();  // tidy-ok: how long a search may take
}

bool fails_with(const Numbers& faults, std::uint64_t seed, SeededTest& test) {
  const Allowing allowing(&faults);
  try {
    return !test(seed);
  } catch (...) {
    return true;
  }
}

}  // namespace

bool for_each_seed(std::uint64_t count, SeededTest test) {
  const auto faults = faults_in_environment();
  const Allowing allowing(faults ? &*faults : nullptr);
  if (const auto seed = number_in_environment(seed_name)) return succeeds(*seed, test);
  count = number_in_environment("UVREACTOR_SEEDS").value_or(count);
  std::uint64_t seed = 1;
  for (; seed <= count; ++seed) {
    if (!succeeds(seed, test)) return false;
  }
  const std::chrono::seconds more(number_in_environment("UVREACTOR_SIMULATE_SECONDS").value_or(0));
  const auto end = real_time() + more;
  for (; more.count() > 0 && real_time() < end; ++seed) {
    if (!succeeds(seed, test)) return false;
  }
  if (more.count() > 0) {
    std::fprintf(stderr, "%llu seeds\n", static_cast<unsigned long long>(seed - 1));
  }
  return true;
}

// Delta debugging: leaves out ever smaller parts, as long as the test still fails.
std::vector<std::uint64_t> minimize(std::uint64_t seed, SeededTest test) {
  constexpr int most_runs = 1000;
  (void)faults_of_last_world();
  {
    const Allowing all(nullptr);
    try {
      if (test(seed)) return {};
    } catch (...) {  // It fails, as it should.
      (void)0;
    }
  }
  Numbers faults(faults_of_last_world());
  std::iota(faults.begin(), faults.end(), std::uint64_t{0});
  int runs = 0;
  for (std::size_t part = std::max<std::size_t>(faults.size() / 2, 1); part > 0;) {
    bool found = false;
    for (std::size_t from = 0; from < faults.size() && runs < most_runs; ++runs) {
      Numbers fewer(faults.begin(), faults.begin() + static_cast<std::ptrdiff_t>(from));
      const std::size_t end = std::min(from + part, faults.size());
      fewer.insert(fewer.end(), faults.begin() + static_cast<std::ptrdiff_t>(end), faults.end());
      if (fails_with(fewer, seed, test)) {
        faults = std::move(fewer);
        found = true;
      } else {
        from += part;
      }
    }
    if (part == 1 && !found) break;
    part = part > 1 ? part / 2 : 1;
    if (runs >= most_runs) break;
  }
  std::fprintf(stderr, "%zu faults are enough; repeat it by\n  %s=%llu %s=%s %s\n", faults.size(),
               seed_name, static_cast<unsigned long long>(seed), faults_name,
               joined(faults).c_str(), command_line().c_str());
  return faults;
}

}  // namespace reactor::simulation
