// Runs a test for many seeds, and makes a failure small.
#pragma once

#include <cstdint>
#include <vector>

#include "reactor/callback.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0::simulation {

/// A test in worlds with this seed: false, or an exception, if it fails.
using SeededTest = Callback<bool(std::uint64_t seed)>;

/// Runs `test` for the seeds from 1 to `count`. Returns true if it succeeds for all; at the first
/// failure prints, to stderr, the seed and the line that repeats it alone.
///
///     CHECK(simulation::for_each_seed(100, [](std::uint64_t seed) {
///       simulation::World world({.seed = seed});
///       …
///       return world.run_until([&] { return received == sent; }, 1min);
///     }));
///
/// Variables of the environment change what it runs:
///
/// - `UVREACTOR_SEED=17`: this seed only.
/// - `UVREACTOR_SEEDS=100000`: so many seeds instead of `count`.
/// - `UVREACTOR_SIMULATE_SECONDS=60`: further seeds until so much real time has passed.
/// - `UVREACTOR_TRACE=FILE`: each world writes its trace there when it ends.
/// - `UVREACTOR_FAULTS=3,17`: of the faults by chance, only those with these numbers.
///
/// Throws    What the test throws.
bool for_each_seed(std::uint64_t count, SeededTest test);

/// For a seed for which `test` fails: the numbers of few faults that let it fail, none of which can
/// be left out. Prints the line that repeats it. The numbers are those of the trace.
///
/// Cost      Runs the test some hundred times.
[[nodiscard]] std::vector<std::uint64_t> minimize(std::uint64_t seed, SeededTest test);

}  // namespace reactor::simulation
#pragma GCC visibility pop
