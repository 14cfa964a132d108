#include "reactor/coroutine/nursery.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/coroutine.hpp"

using namespace std::chrono_literals;
using reactor::Loop;
using reactor::Nursery;
using reactor::Task;

namespace {

using Log = std::vector<std::string>;
using Owned = std::unique_ptr<Nursery>;

Task<> log_after(Loop& loop, Log& log, std::string name, reactor::Duration delay) {
  co_await reactor::sleep(loop, delay);
  log.push_back(name);
}

Task<> throw_at_once(std::string what) {
  throw std::runtime_error(what);
  co_return;
}

Task<> throw_later(Loop& loop, std::string what) {
  co_await reactor::sleep(loop, 0ms);
  throw std::runtime_error(what);
}

// Destroys the nursery that it belongs to, from `depth` levels below its task.
Task<> destroy_owner(Loop& loop, Owned& owner, Log& log, int depth, Witness witness) {
  if (depth > 0) {
    co_await destroy_owner(loop, owner, log, depth - 1, std::move(witness));
  } else {
    co_await reactor::sleep(loop, 0ms);
    owner.reset();
    log.emplace_back("continues until it waits");
  }
  co_await reactor::sleep(loop, 0ms);
  log.emplace_back("continued after that");
}

std::string thrown_by_run(Loop& loop) {
  try {
    loop.run();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "nothing";
}

}  // namespace

TEST_SUITE("nursery") {
  TEST_CASE("an exception that no task awaits comes out of Loop::run, and the others continue") {
    Loop loop;
    Nursery nursery(loop);
    Log log;
    nursery.start(log_after(loop, log, "other", 5ms));
    nursery.start(throw_at_once("at once"));
    CHECK(nursery.size() == 1);
    CHECK(thrown_by_run(loop) == "at once");
    nursery.start(throw_later(loop, "later"));
    CHECK(thrown_by_run(loop) == "later");
    loop.run();
    CHECK(log == Log{"other"});
  }

  TEST_CASE("tasks begin at once, run side by side, and loop.run() returns after the last") {
    Loop loop;
    Nursery nursery(loop);
    Log log;
    nursery.start(log_after(loop, log, "slow", 100ms));
    nursery.start(log_after(loop, log, "fast", 0ms));
    nursery.start([](Log& out) -> Task<> {
      out.emplace_back("at once");
      co_return;
    }(log));
    CHECK(log == Log{"at once"});
    CHECK(nursery.size() == 2);
    loop.run();
    CHECK(log == Log{"at once", "fast", "slow"});
    CHECK(nursery.size() == 0);
  }

  TEST_CASE("the arguments of start() are moved into the coroutine, which outlives them") {
    Loop loop;
    Nursery nursery(loop);
    Log log;
    nursery.start(
        [](Loop& on, Log& out, std::unique_ptr<std::string> name, std::string copy) -> Task<> {
          co_await reactor::sleep(on, 100ms);
          out.push_back(*name + copy);
        },
        std::ref(loop), std::ref(log), std::make_unique<std::string>("moved"), " and copied");
    nursery.start(log_after, std::ref(loop), std::ref(log), "a function", 0ms);
    loop.run();
    CHECK(log == Log{"a function", "moved and copied"});
  }

  TEST_CASE("a destroyed nursery destroys its tasks with their parameters, and none continues") {
    Loop loop;
    Log log;
    bool destroyed = false;
    {
      Nursery nursery(loop);
      nursery.start(log_after(loop, log, "late", 0ms));
      nursery.start([](Loop& on, Witness) -> Task<> { co_await reactor::sleep(on, 1h); }(
                                              loop, Witness(destroyed)));
      CHECK_FALSE(destroyed);
    }
    CHECK(destroyed);
    loop.run();
    CHECK(log.empty());
  }

  TEST_CASE("a nursery may be destroyed by one of its own tasks, at any depth") {
    for (const int depth : {0, 1, 5}) {
      CAPTURE(depth);
      Loop loop;
      Log log;
      bool destroyed = false, other_destroyed = false;
      auto nursery = std::make_unique<Nursery>(loop);
      nursery->start(destroy_owner(loop, nursery, log, depth, Witness(destroyed)));
      nursery->start([](Loop& on, Witness) -> Task<> { co_await reactor::sleep(on, 1h); }(
                                               loop, Witness(other_destroyed)));
      loop.run();
      CHECK(log == Log{"continues until it waits"});
      CHECK(destroyed);
      CHECK(other_destroyed);
    }
  }

  TEST_CASE("a nursery may be destroyed by a task before that has waited for anything") {
    Loop loop;
    auto nursery = std::make_unique<Nursery>(loop);
    bool destroyed = false;
    nursery->start([](Owned& owner, Witness) -> Task<> {
      owner.reset();
      co_return;
    }(nursery, Witness(destroyed)));
    CHECK(destroyed);
    CHECK_FALSE(nursery);
  }

  TEST_CASE("a task that has destroyed its nursery and then throws is not silent") {
    Loop loop;
    auto nursery = std::make_unique<Nursery>(loop);
    nursery->start([](Owned& owner) -> Task<> {
      owner.reset();
      throw std::runtime_error("after that");
      co_return;
    }(nursery));
    CHECK(thrown_by_run(loop) == "after that");
  }

  TEST_CASE("a nursery may be destroyed by the destructor of what one of its tasks owns") {
    struct Destroyer {
      explicit Destroyer(Owned& of) : owner(of) {}
      Destroyer(const Destroyer&) = delete;
      ~Destroyer() { owner.reset(); }
      Owned& owner;
    };
    Loop loop;
    auto nursery = std::make_unique<Nursery>(loop);
    bool destroyed = false;
    nursery->start([](Loop& on, Owned& owner, Witness) -> Task<> {
      const Destroyer destroyer(owner);
      co_await reactor::sleep(on, 0ms);
    }(loop, nursery, Witness(destroyed)));
    nursery->start([](Loop& on) -> Task<> { co_await reactor::sleep(on, 1h); }(loop));
    loop.run();
    CHECK(destroyed);
    CHECK_FALSE(nursery);
  }

  TEST_CASE("a task may start others in its own nursery, and in others that it owns") {
    Loop loop;
    Nursery nursery(loop);
    Log log;
    nursery.start([](Loop& on, Nursery& mine, Log& out) -> Task<> {
      mine.start(log_after(on, out, "sibling", 100ms));
      Nursery children(on);
      for (const char* name : {"a", "b"}) children.start(log_after(on, out, name, 0ms));
      co_await children.all_ended();
      out.emplace_back("all ended");
      children.start(log_after(on, out, "never", 1h));
    }(loop, nursery, log));
    loop.run();
    CHECK(log == Log{"a", "b", "all ended", "sibling"});
  }

  TEST_CASE("what waits for a nursery that is destroyed continues in the next iteration") {
    Loop loop;
    Nursery outer(loop);
    auto inner = std::make_unique<Nursery>(loop);
    bool continued = false;
    inner->start([](Loop& on) -> Task<> { co_await reactor::sleep(on, 1h); }(loop));
    outer.start([](Nursery& other, bool& out) -> Task<> {
      co_await other.all_ended();
      out = true;
    }(*inner, continued));
    inner.reset();
    CHECK_FALSE(continued);
    loop.run();
    CHECK(continued);
  }
}
