// After the destructor of a handle returns, none of its callbacks runs: tested for every kind of
// callback that destroys a handle of every kind. AddressSanitizer sees the rest.
#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "callback_kinds.hpp"
#include "support/positions.hpp"
#include "support/run_until.hpp"

namespace {

// Who is destroyed in the callback of another, itself included.
enum class Victim { itself, other, both };

// The actor's callback destroys a victim that is about to call back too.
template <class Position>
void destroy_in_callback(const CallbackKind& actor, const CallbackKind& other, Victim victim,
                         bool actor_first) {
  Position position;
  std::unique_ptr<Specimen> acting, suffering;
  int calls = 0, late_calls = 0;
  bool actor_gone = false, other_gone = false;
  const auto act = [&] {
    if (actor_gone) ++late_calls;
    if (++calls > 1) return;
    if (victim != Victim::itself && other.owned) {
      suffering.reset();
      other_gone = true;
    }
    if (victim != Victim::other && actor.owned) {
      acting.reset();
      actor_gone = true;
    }
  };
  const auto suffer = [&] { late_calls += other_gone; };
  if (actor_first) acting = actor.make(position.loop, act);
  suffering = other.make(position.loop, suffer);
  if (!actor_first) acting = actor.make(position.loop, act);

  run_until(position.loop, [&] { return calls > 0; });
  for (int i = 0; i < 3; ++i) position.loop.poll();
  CHECK(late_calls == 0);
}

}  // namespace

TEST_SUITE("lifetime") {
  TEST_CASE_TEMPLATE("any handle may be destroyed from any callback, and is silent from then on",
                     Position, Host, Guest) {
    for (const CallbackKind& actor : callback_kinds()) {
      for (const CallbackKind& other : callback_kinds()) {
        const std::string cell = std::string(actor.name) + " destroys " + other.name;
        CAPTURE(cell);
        for (const bool actor_first : {true, false}) {
          destroy_in_callback<Position>(actor, other, Victim::other, actor_first);
          destroy_in_callback<Position>(actor, other, Victim::both, actor_first);
        }
      }
      const std::string cell = std::string(actor.name) + " destroys itself";
      CAPTURE(cell);
      destroy_in_callback<Position>(actor, actor, Victim::itself, true);
    }
  }

  TEST_CASE_TEMPLATE("a handle may be destroyed before its first callback", Position, Host, Guest) {
    for (const CallbackKind& kind : callback_kinds()) {
      if (!kind.owned) continue;
      CAPTURE(kind.name);
      Position position;
      bool called = false;
      auto specimen = kind.make(position.loop, [&] { called = true; });
      specimen.reset();
      for (int i = 0; i < 3; ++i) position.loop.poll();
      CHECK_FALSE(called);
    }
  }

  TEST_CASE_TEMPLATE("all handles may be destroyed at once, from any callback", Position, Host,
                     Guest) {
    for (const CallbackKind& actor : callback_kinds()) {
      CAPTURE(actor.name);
      Position position;
      std::vector<std::unique_ptr<Specimen>> all;
      bool gone = false;
      int late_calls = 0;
      for (const CallbackKind& kind : callback_kinds()) {
        if (&kind == &actor || !kind.owned) continue;
        all.push_back(kind.make(position.loop, [&] { late_calls += gone; }));
      }
      all.push_back(actor.make(position.loop, [&] {
        all.clear();
        gone = true;
      }));
      run_until(position.loop, [&] { return gone; });
      for (int i = 0; i < 3; ++i) position.loop.poll();
      CHECK(late_calls == 0);
    }
  }
}
