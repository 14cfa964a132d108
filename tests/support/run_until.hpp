// Runs a loop until an event that a test waits for has happened, instead of sleeping.
#pragma once

#include <doctest/doctest.h>

#include <chrono>

#include "reactor/loop.hpp"
#include "reactor/timer.hpp"
#include "support/timeout_scale.hpp"

/// Runs iterations of the loop until `condition()` holds. The time limit matters only if the test
/// fails: then the failure is reported and the test case ends.
template <class Condition>
void run_until(reactor::Loop& loop, Condition condition,
               std::chrono::seconds limit = std::chrono::seconds(20)) {
  bool too_late = false;
  const auto guard = reactor::Timer::after(loop, limit * timeout_scale(), [&] { too_late = true; });
  while (!condition() && !too_late) loop.run_once();
  REQUIRE_MESSAGE(!too_late, "what the test waits for has not happened in time");
}

/// The same for a condition that changes outside of the loop without waking it: in another thread
/// or in another process.
template <class Condition>
void poll_until(reactor::Loop& loop, Condition condition) {
  const auto tick = reactor::Timer::every(loop, std::chrono::milliseconds(1), [] {});
  run_until(loop, condition);
}
