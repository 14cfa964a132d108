#include "reactor/timer_wheel.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <vector>

using reactor::TimerWheel;

TEST_SUITE("timer_wheel") {
  static std::vector<TimerWheel::Node*> expire(TimerWheel & wheel, TimerWheel::Tick now) {
    std::vector<TimerWheel::Node*> due;
    wheel.advance(now);
    while (TimerWheel::Node* node = wheel.pop_due()) due.push_back(node);
    return due;
  }

  TEST_CASE("a node expires at its tick and not before, at every distance") {
    for (int shift = 0; shift < 46; ++shift) {
      CAPTURE(shift);
      TimerWheel wheel(12345);
      TimerWheel::Node node;
      const TimerWheel::Tick expiry = 12345 + (TimerWheel::Tick{1} << shift) + 1;
      wheel.insert(node, expiry);
      CHECK(wheel.next() <= expiry);
      CHECK(expire(wheel, expiry - 1).empty());
      CHECK(wheel.next() <= expiry);
      CHECK(expire(wheel, expiry) == std::vector{&node});
      CHECK(wheel.next() == TimerWheel::never);
    }
  }

  TEST_CASE(
      "a node in the past or present expires at the next tick, so that an iteration always ends") {
    TimerWheel wheel(100);
    TimerWheel::Node past;
    wheel.insert(past, 7);
    CHECK(expire(wheel, 100).empty());
    CHECK(expire(wheel, 101).size() == 1);
  }

  TEST_CASE("nodes of one tick expire in the order of insertion, near or far") {
    TimerWheel wheel(0);
    std::deque<TimerWheel::Node> nodes(300);
    for (std::size_t i = 0; i < 100; ++i) wheel.insert(nodes[i], 1'000'000);
    expire(wheel, 999'000);
    for (std::size_t i = 100; i < 200; ++i) wheel.insert(nodes[i], 1'000'000);
    expire(wheel, 999'999);
    for (std::size_t i = 200; i < 300; ++i) wheel.insert(nodes[i], 1'000'000);
    const auto due = expire(wheel, 1'000'000);
    REQUIRE(due.size() == 300);
    for (std::size_t i = 0; i < 300; ++i) CHECK(due[i] == &nodes[i]);
  }

  TEST_CASE("a node that is due can still be removed") {
    TimerWheel wheel(0);
    TimerWheel::Node first, second;
    wheel.insert(first, 5);
    wheel.insert(second, 5);
    wheel.advance(5);
    CHECK(wheel.pop_due() == &first);
    wheel.remove(second);
    CHECK(wheel.pop_due() == nullptr);
    CHECK(wheel.next() == TimerWheel::never);
  }

  TEST_CASE("random insertions, removals and steps agree with a sorted map") {
    std::mt19937_64 random(20260101);
    TimerWheel wheel(0);
    std::deque<TimerWheel::Node> nodes(500);
    std::multimap<TimerWheel::Tick, TimerWheel::Node*> expected;
    TimerWheel::Tick now = 0;
    for (int step = 0; step < 20'000; ++step) {
      TimerWheel::Node& node = nodes[random() % nodes.size()];
      if (node.linked()) {
        const auto [from, to] = expected.equal_range(node.expiry);
        expected.erase(std::find_if(from, to, [&](auto& entry) { return entry.second == &node; }));
        wheel.remove(node);
      } else {
        wheel.insert(node, now + random() % (TimerWheel::Tick{1} << random() % 24));
        expected.emplace(node.expiry, &node);
      }
      REQUIRE(wheel.next() <= (expected.empty() ? TimerWheel::never : expected.begin()->first));
      if (step % 7 != 0) continue;
      now += random() % (TimerWheel::Tick{1} << random() % 16);
      std::vector<TimerWheel::Node*> due;
      while (!expected.empty() && expected.begin()->first <= now) {
        due.push_back(expected.begin()->second);
        expected.erase(expected.begin());
      }
      REQUIRE(expire(wheel, now) == due);
    }
  }
}
