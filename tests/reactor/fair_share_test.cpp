// Clients that request much at the same time, and one loop.
#include "reactor/fair_share.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <list>
#include <memory>

#include "support/run_until.hpp"

using namespace std::chrono_literals;
using reactor::FairShare;
using reactor::Loop;

namespace {

// Has many requests, which take no time.
struct Busy {
  explicit Busy(FairShare& share, int requests = 1'000'000)
      : left(requests), client(share, [this] { serve(); }) {}

  void serve() {
    ++calls;
    while (left > 0 && client.may_go_on()) {
      --left;
      ++served;
    }
  }

  int left;
  int served = 0;
  int calls = 0;
  FairShare::Client client;
};

}  // namespace

TEST_SUITE("fair share") {
  TEST_CASE("a client whose requests take little time is served immediately") {
    Loop loop;
    FairShare share(loop, 1h);
    Busy busy(share, 1000);
    busy.serve();
    CHECK(busy.served == 1000);
    CHECK(!busy.client.waits());
  }

  TEST_CASE("a client with endless requests is served only in part of each iteration") {
    Loop loop;
    FairShare share(loop, 0ms);
    Busy busy(share);
    busy.serve();
    CHECK(busy.served == 0);
    CHECK(busy.client.waits());
    for (int iteration = 1; iteration <= 50; ++iteration) {
      loop.run_once();
      CHECK(busy.served <= iteration);
    }
    CHECK(busy.served >= 40);
  }

  TEST_CASE(
      "clients that wait at the same time are served in rotation, whatever their order of "
      "arrival") {
    Loop loop;
    FairShare share(loop, 0ms);
    std::list<Busy> all;
    for (int i = 0; i < 10; ++i) all.emplace_back(share).serve();
    const auto least = [&] {
      return std::min_element(all.begin(), all.end(), [](const Busy& left, const Busy& right) {
        return left.served < right.served;
      });
    };
    run_until(loop, [&] { return least()->served == 20; });
    for (const Busy& busy : all) CHECK(busy.served <= 21);
  }

  TEST_CASE("a new client waits after those that already wait") {
    Loop loop;
    FairShare share(loop, 0ms);
    Busy first(share, 1), second(share, 1);
    first.serve();
    second.serve();
    loop.run_once();
    CHECK(first.served == 1);
    run_until(loop, [&] { return second.served == 1; });
  }

  TEST_CASE("a client that is destroyed while it waits is not called") {
    Loop loop;
    FairShare share(loop, 0ms);
    auto gone = std::make_unique<Busy>(share);
    Busy stays(share, 1);
    gone->serve();
    stays.serve();
    gone.reset();
    run_until(loop, [&] { return stays.served == 1; });
  }
}
