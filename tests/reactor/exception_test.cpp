// An exception of a callback leaves run(), and no other handle loses an event.
#include <doctest/doctest.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "callback_kinds.hpp"
#include "reactor/descriptor.hpp"
#include "reactor/signal.hpp"
#include "reactor/timer.hpp"
#include "reactor/watcher.hpp"
#include "support/loop_modes.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"
#include "support/timeout_scale.hpp"

using namespace std::chrono_literals;

namespace {

struct Thrown : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::shared_ptr<void> post_again(reactor::Loop& loop) {
  struct Again {
    explicit Again(reactor::Loop& on) : loop(on) {}
    void post() {
      loop.post([self = weak.lock(), this] {
        if (self.use_count() > 1) post();
        throw Thrown("again");
      });
    }
    reactor::Loop& loop;
    std::weak_ptr<Again> weak;
  };
  auto again = std::make_shared<Again>(loop);
  again->weak = again;
  again->post();
  return again;
}

}  // namespace

TEST_SUITE("exception") {
  TEST_CASE_TEMPLATE(
      "an exception leaves run() from any callback, and all other due callbacks are still called",
      LoopMode, Standalone, Embedded) {
    for (const CallbackKind& thrower : callback_kinds()) {
      CAPTURE(thrower.name);
      LoopMode mode;
      std::vector<std::unique_ptr<Specimen>> specimens;
      std::vector<int> calls(callback_kinds().size());
      int thrown = 0, caught = 0;
      const auto make_bystanders = [&](bool before) {
        for (std::size_t i = 0; i < calls.size(); ++i) {
          const CallbackKind& kind = callback_kinds()[i];
          if (&kind == &thrower || before != (i % 2 == 0)) continue;
          specimens.push_back(kind.make(mode.loop, [&calls, i] { ++calls[i]; }));
        }
      };
      make_bystanders(true);
      specimens.push_back(thrower.make(mode.loop, [&] {
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
          run_until(mode.loop, all_called);
          done = true;
        } catch (const Thrown& exception) {
          ++caught;
          CHECK(std::string(exception.what()) == thrower.name);
        }
      }
      CHECK(caught == 1);
    }
  }

  TEST_CASE_TEMPLATE("stop() is remembered if a callback throws, whichever it is and in any order",
                     LoopMode, Standalone, Embedded) {
    enum class Stops { in_the_same, before, after };
    for (const CallbackKind& thrower : callback_kinds()) {
      for (const Stops stops : {Stops::in_the_same, Stops::before, Stops::after}) {
        CAPTURE(thrower.name);
        CAPTURE(static_cast<int>(stops));
        LoopMode mode;
        reactor::Loop& loop = mode.loop;
        bool too_late = false;
        const auto guard = reactor::Timer::after(loop, 20s * timeout_scale(), [&] {
          too_late = true;
          loop.stop();
        });
        int thrown = 0, caught = 0;
        const auto specimen = thrower.make(loop, [&] {
          if (thrown++ > 0) return;
          if (stops != Stops::after) loop.stop();
          if (stops == Stops::in_the_same) throw Thrown(thrower.name);
          loop.post([&] {
            if (stops == Stops::after) loop.stop();
            throw Thrown(thrower.name);
          });
        });
        for (bool stopped = false; !stopped;) {
          try {
            loop.run_forever();
            stopped = true;
          } catch (const Thrown&) {
            ++caught;
          }
        }
        CHECK_FALSE(too_late);
        if (stops == Stops::before && caught == 0) {
          CHECK_THROWS_AS(loop.poll(), Thrown);  // The task was posted for the next iteration.
          ++caught;
        }
        CHECK(caught == 1);
        // The next run() does not remember it.
        bool ran = false;
        const auto next = reactor::Timer::after(loop, 1ms, [&] {
          ran = true;
          loop.stop();
        });
        loop.run();
        CHECK(ran);
      }
    }
  }

  TEST_CASE_TEMPLATE("a callback that throws each time does not keep the others from being called",
                     LoopMode, Standalone, Embedded) {
    using Make = std::function<std::shared_ptr<void>(reactor::Loop&)>;
    const std::map<std::string, Make> throwers{
        {"a timer that is always late",
         [](reactor::Loop& loop) {
           return std::make_shared<reactor::Timer>(reactor::Timer::every(loop, 1ns, [] {
             const auto began = std::chrono::steady_clock::now();
             while (std::chrono::steady_clock::now() - began < 200us) {
             }
             throw Thrown("late");
           }));
         }},
        {"a task that posts itself", [](reactor::Loop& loop) { return post_again(loop); }},
        {"a descriptor that is not read", [](reactor::Loop& loop) {
           struct Unread {
             reactor::Descriptor fd = reactor::Descriptor::own(eventfd(1, EFD_CLOEXEC));
             std::optional<reactor::Watcher> watcher;
           };
           auto unread = std::make_shared<Unread>();
           unread->watcher =
               ok(reactor::Watcher::create(loop, unread->fd.fd(), reactor::Interest::readable,
                                           [](reactor::Ready) { throw Thrown("unread"); }));
           return unread;
         }}};
    for (const auto& entry : throwers) {
      CAPTURE(entry.first);
      LoopMode mode;
      const auto thrower = entry.second(mode.loop);
      std::vector<std::unique_ptr<Specimen>> specimens;
      std::vector<int> calls(callback_kinds().size());
      for (std::size_t i = 0; i < calls.size(); ++i) {
        specimens.push_back(callback_kinds()[i].make(mode.loop, [&calls, i] { ++calls[i]; }));
      }
      const auto until = std::chrono::steady_clock::now() + 10s * timeout_scale();
      const auto waits = [&] { return std::find(calls.begin(), calls.end(), 0) != calls.end(); };
      while (waits() && std::chrono::steady_clock::now() < until) {
        try {
          mode.loop.poll();
        } catch (const Thrown&) {
        }
      }
      for (std::size_t i = 0; i < calls.size(); ++i) {
        CAPTURE(std::string(callback_kinds()[i].name));
        CHECK(calls[i] > 0);
      }
    }
  }

  TEST_CASE_TEMPLATE("stop() from a signal survives exceptions during the whole iteration",
                     LoopMode, Standalone, Embedded) {
    LoopMode mode;
    reactor::Loop& loop = mode.loop;
    const auto signal = reactor::Signal::create(loop, SIGUSR2, [&] { loop.stop(); });
    REQUIRE(signal);
    const auto tick =
        reactor::Timer::every(loop, 100us * timeout_scale(), [] { throw Thrown("tick"); });
    int caught = 0;
    for (bool stopped = false; !stopped;) {
      try {
        loop.run();
        stopped = true;
      } catch (const Thrown&) {
        if (++caught == 3) raise(SIGUSR2);
        REQUIRE(caught < 100'000);
      }
    }
    CHECK(caught >= 3);
  }

  TEST_CASE_TEMPLATE(
      "each of several exceptions in one iteration leaves run() on its own, in order", LoopMode,
      Standalone, Embedded) {
    LoopMode mode;
    std::vector<std::string> caught;
    for (const std::string name : {"one", "two", "three"}) {
      mode.loop.post([name] { throw Thrown(name); });
    }
    int after = 0;
    mode.loop.post([&] { ++after; });
    while (after == 0) {
      try {
        mode.loop.run();
      } catch (const Thrown& exception) {
        caught.push_back(exception.what());
      }
    }
    CHECK(caught == std::vector<std::string>{"one", "two", "three"});
    CHECK(after == 1);
  }
}
