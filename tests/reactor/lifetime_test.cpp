// After the destructor of a handle returns, none of its callbacks runs. This is tested for every
// kind of callback that destroys a handle of every kind. AddressSanitizer finds the rest.
#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <string>
#include <type_traits>

#include "callback_kinds.hpp"
#include "support/child.hpp"
#include "support/loop_modes.hpp"
#include "support/run_until.hpp"
#include "support/sample.hpp"

namespace {

// Which handle a callback destroys.
enum class Victim { itself, other, both };

// The callback of the actor destroys a victim that is also about to call back.
void destroy_in_callback(reactor::Loop& loop, const CallbackKind& actor, const CallbackKind& other,
                         Victim victim, bool actor_first) {
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
  if (actor_first) acting = actor.make(loop, act);
  suffering = other.make(loop, suffer);
  if (!actor_first) acting = actor.make(loop, act);

  run_until(loop, [&] { return calls > 0; });
  for (int i = 0; i < 3; ++i) loop.poll();
  CHECK(late_calls == 0);
}

// With a sanitizer, for which each of these cases takes 10 ms, each mode has half of them.
template <class LoopMode>
bool is_chosen(Victim victim, bool actor_first) {
  if (!below_address_sanitizer && !below_thread_sanitizer) return true;
  return ((victim == Victim::both) == actor_first) == std::is_same_v<LoopMode, Standalone>;
}

}  // namespace

TEST_SUITE("lifetime") {
  TEST_CASE_TEMPLATE("any handle may be destroyed from any callback, and is silent from then on",
                     LoopMode, Standalone, Embedded) {
    const auto& kinds = callback_kinds();
    for (std::size_t row = 0; row < kinds.size(); ++row) {
      const CallbackKind& actor = kinds[row];
      LoopMode mode;  // One for the row: to make a loop costs more than to run a case.
      for (std::size_t column = 0; column < kinds.size(); ++column) {
        if (!is_in_sample(row, column)) continue;
        const CallbackKind& other = kinds[column];
        const std::string cell = std::string(actor.name) + " destroys " + other.name;
        CAPTURE(cell);
        for (const bool actor_first : {true, false}) {
          for (const Victim victim : {Victim::other, Victim::both}) {
            if (is_chosen<LoopMode>(victim, actor_first)) {
              destroy_in_callback(mode.loop, actor, other, victim, actor_first);
            }
          }
        }
      }
      const std::string cell = std::string(actor.name) + " destroys itself";
      CAPTURE(cell);
      destroy_in_callback(mode.loop, actor, actor, Victim::itself, true);
    }
  }

  TEST_CASE_TEMPLATE("a handle may be destroyed before its first callback", LoopMode, Standalone,
                     Embedded) {
    for (const CallbackKind& kind : callback_kinds()) {
      if (!kind.owned) continue;
      CAPTURE(kind.name);
      LoopMode mode;
      bool called = false;
      auto specimen = kind.make(mode.loop, [&] { called = true; });
      specimen.reset();
      for (int i = 0; i < 3; ++i) mode.loop.poll();
      CHECK_FALSE(called);
    }
  }

  TEST_CASE_TEMPLATE("all handles may be destroyed at the same time, from any callback", LoopMode,
                     Standalone, Embedded) {
    for (const CallbackKind& actor : callback_kinds()) {
      CAPTURE(actor.name);
      LoopMode mode;
      std::vector<std::unique_ptr<Specimen>> all;
      bool gone = false;
      int late_calls = 0;
      for (const CallbackKind& kind : callback_kinds()) {
        if (&kind == &actor || !kind.owned) continue;
        all.push_back(kind.make(mode.loop, [&] { late_calls += gone; }));
      }
      all.push_back(actor.make(mode.loop, [&] {
        all.clear();
        gone = true;
      }));
      run_until(mode.loop, [&] { return gone; });
      for (int i = 0; i < 3; ++i) mode.loop.poll();
      CHECK(late_calls == 0);
    }
  }
}
