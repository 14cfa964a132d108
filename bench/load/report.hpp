// Prints the results of a run, as text for people and for programs.
#pragma once

#include <string>

#include "bench/load/hostile.hpp"
#include "bench/load/meter.hpp"

namespace bench {

struct Outcome {
  const Options& options;
  const Meter& meter;
  const HostileCounts& hostile;
};

/// True when the load generator used its whole core, or waited while other processes used it. The
/// server could then have done more.
bool is_saturated(const Outcome& outcome);

std::string text_report(const Outcome& outcome);
std::string json_report(const Outcome& outcome);

/// One line about the current state of the run.
std::string progress_line(const Outcome& outcome, Time now, std::uint64_t answers_a_second);

}  // namespace bench
