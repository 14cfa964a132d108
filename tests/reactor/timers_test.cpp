#include "reactor/timers.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <span>
#include <vector>

#include "reactor/platform/platform.hpp"

using reactor::Event;
using reactor::Poller;
using reactor::Timers;
using reactor::Token;
namespace platform = reactor::platform;

namespace {

constexpr std::int64_t tick_length = 65'536;  // Nanoseconds.

// The test sets the time.
struct TestClock final : platform::Platform {
  std::int64_t steady_now() override {
    ++looks;
    return now;
  }

  std::int64_t now = 1000 * tick_length;
  int looks = 0;
};

// Records for which times it is armed.
struct Alarm final : Poller {
  Alarm() : Poller(true) {}
  int add(int, reactor::Interest, reactor::Trigger, Token) override { return 0; }
  int change(int, reactor::Interest, reactor::Trigger, Token) override { return 0; }
  void remove(int, Token) override {}
  std::span<const Event> wait(int) override { return {}; }
  void wake() noexcept override {}
  void arm(std::int64_t nanoseconds) override { armed.push_back(nanoseconds); }

  std::vector<std::int64_t> armed;
};

struct Clocked {
  TestClock clock;
  platform::Use use{clock};
  Alarm alarm;
  Timers timers{alarm};
  Timers::Node node;
  Timers::Node later;

  // Begins an iteration at this time. Returns true if a node is due.
  bool turn_at(std::int64_t now) {
    clock.now = now;
    timers.enter_iteration();
    timers.begin_iteration();
    return timers.any_armed() && timers.advance();
  }
};

}  // namespace

TEST_SUITE("timers") {
  TEST_CASE_FIXTURE(Clocked, "a node is due once its time has come, never earlier") {
    timers.arm(node, 1010 * tick_length + 1);
    CHECK_FALSE(turn_at(1010 * tick_length + 1));
    timers.end_iteration();
    CHECK(turn_at(1011 * tick_length));
    CHECK(timers.pop_due() == &node);
    CHECK(timers.pop_due() == nullptr);
    CHECK_FALSE(timers.any_armed());
  }

  TEST_CASE_FIXTURE(Clocked, "the poller is armed for the node that is due first") {
    timers.arm(later, 1020 * tick_length);
    timers.arm(node, 1010 * tick_length);
    REQUIRE(alarm.armed.size() == 2);
    CHECK(alarm.armed[1] <= 1010 * tick_length);
    CHECK(timers.poller_is_due(1010 * tick_length));
  }

  TEST_CASE_FIXTURE(Clocked, "within an iteration the poller is armed once, at its end") {
    timers.enter_iteration();
    timers.begin_iteration();
    timers.arm(later, 1020 * tick_length);
    timers.arm(node, 1010 * tick_length);
    CHECK(alarm.armed.empty());
    timers.end_iteration();
    CHECK(alarm.armed.size() == 1);
  }

  TEST_CASE_FIXTURE(Clocked, "a node that is moved to a later time does not arm the poller again") {
    timers.arm(node, 1010 * tick_length);
    timers.arm(node, 1020 * tick_length);
    timers.disarm(node);
    timers.disarm(node);
    CHECK(alarm.armed.size() == 1);
    CHECK_FALSE(timers.any_armed());
  }

  TEST_CASE_FIXTURE(Clocked, "an iteration reads the clock once, and only if a node is armed") {
    clock.looks = 0;
    turn_at(1001 * tick_length);
    timers.end_iteration();
    CHECK(clock.looks == 0);
    timers.arm(node, 1100 * tick_length);
    clock.looks = 0;
    turn_at(1002 * tick_length);
    CHECK(timers.now() == 1002 * tick_length);
    clock.now = 1003 * tick_length;
    CHECK(timers.now() == 1002 * tick_length);
    CHECK(timers.iteration_time() == 1002 * tick_length);
    CHECK(clock.looks == 1);
    timers.end_iteration();
    CHECK(timers.now() == 1003 * tick_length);
  }

  TEST_CASE_FIXTURE(Clocked, "time in which no node was armed is unknown, and does not count") {
    timers.arm(node, 1010 * tick_length);
    clock.now = 1005 * tick_length;
    CHECK(timers.known_time_since(1002 * tick_length) == 3 * tick_length);
    timers.disarm(node);
    clock.now = 1050 * tick_length;
    timers.arm(node, 1100 * tick_length);
    clock.now = 1052 * tick_length;
    CHECK(timers.known_time_since(1002 * tick_length) == 2 * tick_length);
  }

  TEST_CASE_FIXTURE(Clocked, "an iteration that begins a millisecond late counts as stalled") {
    timers.arm(node, 1010 * tick_length);
    REQUIRE(turn_at(1011 * tick_length));
    CHECK_FALSE(timers.stalled());
    timers.end_iteration();
    REQUIRE(turn_at(1010 * tick_length + 2'000'000));
    CHECK(timers.stalled());
  }

  TEST_CASE_FIXTURE(Clocked, "a node is not due earlier if its time is moved within its tick") {
    timers.arm(node, 1010 * tick_length);
    CHECK(Timers::is_due_by(node.expiry, 1010 * tick_length));
    CHECK(Timers::is_due_by(node.expiry, 1011 * tick_length));
    CHECK_FALSE(Timers::is_due_by(node.expiry, 1009 * tick_length));
  }
}
