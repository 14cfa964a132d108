// What a callback throws leaves run(), and costs nobody else an event.
#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "callback_kinds.hpp"
#include "support/positions.hpp"
#include "support/run_until.hpp"

namespace {

struct Thrown : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace

TEST_SUITE("exception") {
  TEST_CASE_TEMPLATE(
      "an exception leaves run() from any callback, and all that was due still comes", Position,
      Host, Guest) {
    for (const CallbackKind& thrower : callback_kinds()) {
      CAPTURE(thrower.name);
      Position position;
      std::vector<std::unique_ptr<Specimen>> specimens;
      std::vector<int> calls(callback_kinds().size());
      int thrown = 0, caught = 0;
      const auto make_bystanders = [&](bool before) {
        for (std::size_t i = 0; i < calls.size(); ++i) {
          const CallbackKind& kind = callback_kinds()[i];
          if (&kind == &thrower || before != (i % 2 == 0)) continue;
          specimens.push_back(kind.make(position.loop, [&calls, i] { ++calls[i]; }));
        }
      };
      make_bystanders(true);
      specimens.push_back(thrower.make(position.loop, [&] {
        if (thrown++ == 0) throw Thrown(thrower.name);
      }));
      make_bystanders(false);

      const auto all_called = [&] {
        for (std::size_t i = 0; i < calls.size(); ++i) {
          if (calls[i] == 0 && &callback_kinds()[i] != &thrower) return false;
        }
        return thrown > 0;
      };
      bool done = false;
      while (!done) {
        try {
          run_until(position.loop, all_called);
          done = true;
        } catch (const Thrown& exception) {
          ++caught;
          CHECK(std::string(exception.what()) == thrower.name);
        }
      }
      CHECK(caught == 1);
    }
  }

  TEST_CASE_TEMPLATE("each of several exceptions in one turn leaves run() by itself, in order",
                     Position, Host, Guest) {
    Position position;
    std::vector<std::string> caught;
    for (const std::string name : {"one", "two", "three"}) {
      position.loop.post([name] { throw Thrown(name); });
    }
    int after = 0;
    position.loop.post([&] { ++after; });
    while (after == 0) {
      try {
        position.loop.run();
      } catch (const Thrown& exception) {
        caught.push_back(exception.what());
      }
    }
    CHECK(caught == std::vector<std::string>{"one", "two", "three"});
    CHECK(after == 1);
  }
}
