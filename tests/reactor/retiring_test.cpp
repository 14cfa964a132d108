#include "reactor/retiring.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

using reactor::Retire;
using reactor::Retiring;
using reactor::Use;

namespace {

struct State : Retiring {
  explicit State(std::string& into) : told(into) {}
  ~State() { told += "deleted "; }
  void end() { told += "ended "; }
  std::string& told;
};

}  // namespace

TEST_SUITE("retiring") {
  TEST_CASE("what nobody uses is deleted with its owner") {
    std::string told;
    std::unique_ptr<State, Retire<State>>(new State(told)).reset();
    CHECK(told == "deleted ");
  }

  TEST_CASE("what is in use ends with its owner, and is deleted by the last use") {
    std::string told;
    std::unique_ptr<State, Retire<State>> owner(new State(told));
    State& state = *owner;
    {
      const Use outer(state);
      {
        const Use inner(state);
        CHECK_FALSE(state.retired());
        owner.reset();
        CHECK(state.retired());
      }
      CHECK(told == "ended ");
    }
    CHECK(told == "ended deleted ");
  }

  TEST_CASE("a use that ends before its owner deletes nothing") {
    std::string told;
    const std::unique_ptr<State, Retire<State>> owner(new State(told));
    { const Use use(*owner); }
    CHECK(told.empty());
  }
}
