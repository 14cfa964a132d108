#include "reactor/handle.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "reactor/timer.hpp"

using reactor::Callback;
using reactor::Handle;
using reactor::HandleState;
using reactor::Loop;
using reactor::Timer;
using reactor::Use;
using namespace std::chrono_literals;

namespace {

struct State final : HandleState {
  explicit State(std::string& into) : events(into) {}
  ~State() override { events += "deleted "; }
  void on_retired() noexcept override { events += "ended "; }
  std::string& events;
};

// The example of handle.hpp.
class Countdown {
 public:
  Countdown(Loop& loop, int from, Callback<void(int)> on_tick)
      : state_(new State(loop, from, std::move(on_tick))) {}

  void on_tick(Callback<void(int)> on_tick) {
    state_->replace(state_->on_tick, std::move(on_tick));
  }

 private:
  struct State final : HandleState {
    State(Loop& loop, int from, Callback<void(int)> callback)
        : left(from), on_tick(std::move(callback)) {
      timer = Timer::every(loop, 1us, [this] { tick(); });
    }
    void tick() {
      const Use use(*this);
      on_tick(--left);
      if (!retired() && left == 0) timer.reset();
    }
    void on_retired() noexcept override { timer.reset(); }

    int left;
    Callback<void(int)> on_tick;
    std::optional<Timer> timer;
  };

  Handle<State> state_;
};

// A composite of composites: both count at the same time, and the user may destroy them together.
class Race {
 public:
  Race(Loop& loop, int from, Callback<void()> on_tick)
      : state_(new State(loop, from, std::move(on_tick))) {}

 private:
  struct State final : HandleState {
    State(Loop& loop, int from, Callback<void()> callback) : on_tick(std::move(callback)) {
      for (std::optional<Countdown>* const side : {&first, &second}) {
        side->emplace(loop, from, [this](int) {
          const Use use(*this);
          on_tick();
        });
      }
    }
    void on_retired() noexcept override {
      first.reset();
      second.reset();
    }

    Callback<void()> on_tick;
    std::optional<Countdown> first, second;
  };

  Handle<State> state_;
};

// A capture of a callback. It is on the heap, so that ASan finds a use after its end.
struct Captured {
  std::shared_ptr<int> owner = std::make_shared<int>(0);
};

}  // namespace

TEST_SUITE("handle") {
  TEST_CASE("a state that is not in use ends with its owner and is deleted immediately") {
    std::string events;
    std::optional<Handle<State>> owner(new State(events));
    owner.reset();
    CHECK(events == "ended deleted ");
  }

  TEST_CASE("a state that is in use ends with its owner and is deleted by the last use") {
    std::string events;
    std::optional<Handle<State>> owner(new State(events));
    State& state = **owner;
    {
      const Use outer(state);
      {
        const Use inner(state);
        CHECK_FALSE(state.retired());
        owner.reset();
        CHECK(state.retired());
      }
      CHECK(events == "ended ");
    }
    CHECK(events == "ended deleted ");
  }

  TEST_CASE("a use that ends before the owner deletes nothing") {
    std::string events;
    const Handle<State> owner(new State(events));
    { const Use use(*owner); }
    CHECK(events.empty());
  }

  TEST_CASE("assigning to a handle ends its old state, and moving it changes nothing") {
    std::string first, second;
    Handle<State> owner(new State(first));
    Handle<State> other(new State(second));
    owner = std::move(other);
    CHECK(first == "ended deleted ");
    Handle<State> moved = std::move(owner);
    CHECK(second.empty());
  }

  TEST_CASE("a composite handle runs until it ends by itself") {
    Loop loop;
    std::vector<int> seen;
    const Countdown countdown(loop, 3, [&](int left) { seen.push_back(left); });
    loop.run();
    CHECK(seen == std::vector<int>{2, 1, 0});
  }

  TEST_CASE("a composite handle may be destroyed in its own callback") {
    Loop loop;
    int calls = 0;
    std::optional<Countdown> countdown;
    countdown.emplace(loop, 9, [&, kept = Captured()](int) {
      ++calls;
      countdown.reset();
      CHECK(kept.owner);
    });
    loop.run();
    CHECK(calls == 1);
  }

  TEST_CASE("a composite handle may be destroyed in the callback of one of its parts") {
    Loop loop;
    int calls = 0;
    std::optional<Race> race;
    race.emplace(loop, 9, [&, kept = Captured()] {
      ++calls;
      race.reset();
      CHECK(kept.owner);
    });
    loop.run();
    CHECK(calls == 1);
  }

  TEST_CASE("a composite handle may be destroyed by a callback that throws") {
    Loop loop;
    int calls = 0;
    std::optional<Countdown> countdown;
    countdown.emplace(loop, 9, [&](int) {
      ++calls;
      countdown.reset();
      throw std::runtime_error("thrown by the callback");
    });
    CHECK_THROWS_WITH(loop.run(), "thrown by the callback");
    loop.run();
    CHECK(calls == 1);
  }

  TEST_CASE("a composite handle may be moved in its own callback and goes on") {
    Loop loop;
    std::vector<int> seen;
    std::optional<Countdown> first, second;
    first.emplace(loop, 3, [&](int left) {
      seen.push_back(left);
      if (second) return;
      second.emplace(std::move(*first));
      first.reset();
    });
    loop.run();
    CHECK(seen == std::vector<int>{2, 1, 0});
  }

  TEST_CASE("a composite handle may be replaced by another in its own callback") {
    Loop loop;
    std::vector<int> seen;
    std::optional<Countdown> countdown;
    countdown.emplace(loop, 9, [&, kept = Captured()](int) {
      *countdown = Countdown(loop, 2, [&](int left) { seen.push_back(left); });
      CHECK(kept.owner);
    });
    loop.run();
    CHECK(seen == std::vector<int>{1, 0});
  }

  TEST_CASE("a callback that replaces itself lives until it returns, and no longer") {
    Loop loop;
    std::weak_ptr<int> kept;
    std::vector<int> seen;
    std::optional<Countdown> countdown;
    auto first = [&, own = Captured()](int left) {
      kept = own.owner;
      countdown->on_tick([&](int later) {
        CHECK(kept.expired());
        seen.push_back(later);
      });
      CHECK_FALSE(kept.expired());
      seen.push_back(left);
    };
    countdown.emplace(loop, 3, std::move(first));
    loop.run();
    CHECK(seen == std::vector<int>{2, 1, 0});
  }
}
