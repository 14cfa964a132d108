#include "reactor/loop.hpp"

#include <doctest/doctest.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "reactor/idle_timeout.hpp"
#include "reactor/stream.hpp"
#include "reactor/timer.hpp"
#include "reactor/watcher.hpp"
#include "support/child.hpp"
#include "support/loop_modes.hpp"
#include "support/peer.hpp"
#include "support/run_until.hpp"
#include "support/stack_depth.hpp"

using namespace std::chrono_literals;
using reactor::IdleTimeout;
using reactor::Loop;
using reactor::Stream;
using reactor::Timer;
using Clock = std::chrono::steady_clock;

namespace {

void spend(Clock::duration time) {
  const auto until = Clock::now() + time;
  while (Clock::now() < until) {
  }
}

}  // namespace

TEST_SUITE("loop") {
  // ---- Running

  TEST_CASE_TEMPLATE("run() returns when no handle is left that could call back", LoopMode,
                     Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    loop.run();
    CHECK_FALSE(loop.run_once());
    CHECK_FALSE(loop.poll());
    int calls = 0;
    const auto timer = Timer::after(loop, 1ms, [&] { ++calls; });
    const IdleTimeout idle(loop, 1h, [] {});  // Does not keep the loop running.
    loop.run();
    CHECK(calls == 1);
  }

  TEST_CASE_TEMPLATE("stop() ends run() after the current iteration, and only that run()", LoopMode,
                     Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    int iterations = 0;
    const auto timer = Timer::every(loop, 100us, [&] {
      if (++iterations % 3 == 0) loop.stop();
    });
    loop.run();
    CHECK(iterations == 3);
    loop.run();
    CHECK(iterations == 6);
  }

  TEST_CASE_TEMPLATE("stop() before run() lets it take one iteration", LoopMode, Standalone,
                     Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    int posted = 0;
    const auto timer = Timer::after(loop, 1h, [] {});
    loop.post([&] { ++posted; });
    loop.stop();
    loop.run();
    CHECK(posted == 1);
  }

  TEST_CASE_TEMPLATE("run_forever() serves other threads until one of them stops it", LoopMode,
                     Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    int served = 0;
    std::thread other([&] {
      for (int i = 0; i < 100; ++i) loop.post([&] { ++served; });
      loop.post([&] { std::thread([&] { loop.stop(); }).join(); });
    });
    loop.run_forever();
    other.join();
    CHECK(served == 100);
    loop.run();
  }

  TEST_CASE("a loop may be made by one thread, run by another and destroyed by the first") {
    for (int round = 0; round < 200; ++round) {
      Loop loop;
      std::optional<Timer> timer = Timer::after(loop, 1h, [] {});
      bool served = false;
      std::thread other([&] { loop.run_forever(); });
      // The task is posted while the other thread starts to run the loop. It must not be lost.
      loop.post([&] {
        served = true;
        loop.stop();
      });
      other.join();
      CHECK(served);
      timer.reset();
    }
  }

  TEST_CASE("a loop may be destroyed as soon as another thread's post() or stop() has ended it") {
    for (int round = 0; round < 300; ++round) {
      std::promise<Loop*> made;
      std::thread owner([&] {
        Loop loop;
        made.set_value(&loop);
        loop.run_forever();
      });
      Loop* const loop = made.get_future().get();
      if (round % 2 == 0) {
        loop->stop();
      } else {
        loop->post([loop] { loop->stop(); });
      }
      owner.join();
    }
  }

  TEST_CASE("a loop that spins misses no timer, no post and no stop") {
    Loop loop({.spin = 20ms});
    int timers = 0;
    // One timer is due while the loop spins, one after it has gone to sleep.
    const auto soon = Timer::after(loop, 1ms, [&] { ++timers; });
    const auto later = Timer::after(loop, 50ms, [&] { ++timers; });
    loop.run();
    CHECK(timers == 2);

    std::atomic<bool> running = false;
    loop.post([&] { running = true; });
    std::thread other([&] {
      while (!running) std::this_thread::yield();
      loop.stop();
    });
    loop.run_forever();
    other.join();

    bool posted = false;
    std::thread third([&] {
      loop.post([&] {
        posted = true;
        loop.stop();
      });
    });
    loop.run_forever();
    third.join();
    CHECK(posted);
  }

  // ---- post

  TEST_CASE_TEMPLATE("posted tasks run in order, also those posted from a task", LoopMode,
                     Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    std::vector<int> order;
    loop.post([&] {
      order.push_back(1);
      loop.post([&] { order.push_back(3); });
    });
    loop.post([&] { order.push_back(2); });
    loop.run();
    CHECK(order == std::vector{1, 2, 3});
  }

  TEST_CASE_TEMPLATE("posting from four threads loses nothing and keeps the order of each",
                     LoopMode, Standalone, Embedded) {
    constexpr int threads = 4, posts = 100'000;
    LoopMode mode;
    Loop& loop = mode.loop;
    const reactor::IterationStatistics& statistics = loop.measure_iterations();
    std::array<int, threads> next{};
    bool in_order = true;
    int ended = 0;
    std::vector<std::thread> posters;
    for (std::size_t thread = 0; thread < threads; ++thread) {
      posters.emplace_back([&, thread] {
        for (int i = 0; i < posts; ++i) {
          loop.post([&, thread, i] { in_order = in_order && next[thread]++ == i; });
        }
        loop.post([&] {
          if (++ended == threads) loop.stop();
        });
      });
    }
    loop.run_forever();
    for (auto& poster : posters) poster.join();
    CHECK(in_order);
    CHECK(next == std::array{posts, posts, posts, posts});
    CHECK(statistics.iterations < threads * posts);  // Not one wake-up per task.
  }

  TEST_CASE_TEMPLATE("a task that posts itself again lets other handles run", LoopMode, Standalone,
                     Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    int rounds = 0;
    bool fired = false;
    StackDepth depth;
    std::function<void()> again = [&] {
      depth.note();
      ++rounds;
      if (!fired || rounds <= 10) loop.post([&] { again(); });
    };
    const auto timer = Timer::after(loop, 5ms, [&] { fired = true; });
    loop.post([&] { again(); });
    loop.run();
    CHECK(fired);
    CHECK(rounds > 10);
    CHECK(depth.bytes() < 1024);
  }

  TEST_CASE_TEMPLATE("a loop destroyed with pending tasks destroys them and their captures",
                     LoopMode, Standalone, Embedded) {
    const auto owned = std::make_shared<int>(0);
    bool ran = false;
    {
      LoopMode mode;
      auto timer = Timer::after(mode.loop, 1h, [] {});
      mode.loop.post([&ran, owned, timer = std::move(timer)] { ran = true; });
      CHECK(owned.use_count() == 2);
    }
    CHECK(owned.use_count() == 1);
    CHECK_FALSE(ran);
  }

  // ---- The end

  TEST_CASE("a loop that is destroyed before its handles lists them, and aborts") {
    const auto end = in_child([] {
      std::optional<Loop> loop(std::in_place);
      const Timer first(*loop, [] {}), second(*loop, [] {});
      const Stream stream(*loop, std::move(connected_sockets(Transport::tcp4)[0]));
      loop.reset();
    });
    CHECK(end.aborted());
    CHECK(end.printed == "reactor::Loop destroyed before its handles: 2 timer, 1 stream\n");
  }

  TEST_CASE("a loop that is destroyed before the application's libuv handles lists them") {
    const auto end = in_child([] {
      uv_idle_t idle;
      Loop loop;
      uv_idle_init(&loop.native(), &idle);
    });
    CHECK(end.aborted());
    CHECK(end.printed == "reactor::Loop destroyed before the application's handles: uv_idle\n");
  }

#ifndef NDEBUG
  TEST_CASE("the use of a handle from a thread that does not run the loop is detected") {
    const auto made = in_child([] {
      Loop loop;
      loop.post([&] { std::thread([&] { const Timer timer(loop, [] {}); }).join(); });
      loop.run();
    });
    CHECK(made.aborted());
    CHECK(made.printed.find("a handle belongs to its loop's thread") != std::string::npos);

    const auto destroyed = in_child([] {
      Loop loop;
      std::optional<Timer> timer(std::in_place, loop, [] {});
      loop.post([&] { std::thread([&] { timer.reset(); }).join(); });
      loop.run();
    });
    CHECK(destroyed.aborted());
    CHECK(destroyed.printed.find("a handle is destroyed on its loop's thread") !=
          std::string::npos);
  }

  TEST_CASE("a loop that is run from one of its callbacks is detected") {
    const auto ran = in_child([] {
      Loop loop;
      loop.post([&] { loop.poll(); });
      loop.run();
    });
    CHECK(ran.aborted());
    CHECK(ran.printed.find("a loop was run from one of its own callbacks") != std::string::npos);
  }
#endif

  // ---- The cost of an iteration

  TEST_CASE_TEMPLATE("iterations are measured", LoopMode, Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    const reactor::IterationStatistics& statistics = loop.measure_iterations();
    loop.post([] { spend(3ms); });
    loop.poll();
    loop.post([] {});
    loop.poll();
    CHECK(statistics.iterations >= 2);
    CHECK(statistics.longest >= 3ms);
    CHECK(statistics.total >= statistics.longest);
    CHECK(statistics.percentile(1) == statistics.longest);
    CHECK(statistics.percentile(0) <= statistics.longest);
  }

  TEST_CASE_TEMPLATE("a callback that takes too long is reported with the name of its handle",
                     LoopMode, Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    std::vector<std::string> slow;
    loop.watch_slow_callbacks(2ms, [&](const std::string& what, std::chrono::nanoseconds took) {
      CHECK(took >= 2ms);
      slow.push_back(what);
    });
    auto sockets = connected_sockets(Transport::tcp4);
    const auto peer_address = *sockets[0].peer_address();
    std::optional<Stream> stream(std::in_place, loop, std::move(sockets[0]));
    stream->on_data([&](Stream::Bytes) {
      spend(2ms);
      stream.reset();
    });
    Peer peer(loop, std::move(sockets[1]));
    peer.send("x");
    run_until(loop, [&] { return peer.over(); });
    loop.post([] { spend(2ms); });
    loop.post([] {});
    loop.poll();
    // A loaded machine makes other callbacks slow too.
    CHECK(std::count(slow.begin(), slow.end(), "stream of " + peer_address.to_string()) == 1);
    CHECK(std::count(slow.begin(), slow.end(), "posted task") >= 1);

    loop.watch_slow_callbacks(2ms, nullptr);
    slow.clear();
    loop.post([] { spend(2ms); });
    loop.poll();
    CHECK(slow.empty());
  }

  TEST_CASE("the watchdog may throw, destroy the handle, and replace itself") {
    Loop loop;
    std::optional<Timer> timer;
    int reports = 0;
    loop.watch_slow_callbacks(1ns, [&](const std::string&, std::chrono::nanoseconds) {
      timer.reset();
      loop.watch_slow_callbacks(1ns, nullptr);
      ++reports;
      throw std::runtime_error("slow");
    });
    timer = Timer::after(loop, 0ms, [] { spend(1us); });
    CHECK_THROWS_AS(loop.run(), std::runtime_error);
    loop.run();
    CHECK(reports == 1);
  }

  // ---- libuv next to it

  TEST_CASE("a host serves the application's own libuv handles") {
    Loop loop;
    uv_timer_t native;
    int native_calls = 0, calls = 0;
    uv_timer_init(&loop.native(), &native);
    native.data = &native_calls;
    const auto tick = [](uv_timer_t* timer) {
      if (++*static_cast<int*>(timer->data) == 3) {
        uv_close(reinterpret_cast<uv_handle_t*>(timer), nullptr);
      }
    };
    uv_timer_start(&native, tick, 1, 1);
    const auto timer = Timer::after(loop, 2ms, [&] { ++calls; });
    loop.run();
    CHECK(native_calls == 3);
    CHECK(calls == 1);
  }

  TEST_CASE("poll() waits for none of the application's libuv timers") {
    Loop loop;
    uv_timer_t native;
    int calls = 0;
    uv_timer_init(&loop.native(), &native);
    native.data = &calls;
    uv_timer_start(
        &native, [](uv_timer_t* timer) { ++*static_cast<int*>(timer->data); }, 20'000, 0);
    for (int i = 0; i < 3; ++i) loop.poll();
    CHECK(calls == 0);
    uv_close(reinterpret_cast<uv_handle_t*>(&native), nullptr);
    loop.run();
  }

  TEST_CASE("an embedded loop and the application's own handles are served by one uv_run") {
    Embedded embedded;
    std::string order;
    // Each one starts the next one, so that a stall of the machine does not change the order.
    std::optional<Timer> last;
    std::function<void()> in_application = [&] {
      order += "application ";
      last.emplace(Timer::after(embedded.loop, 1ms, [&] { order += "last"; }));
    };
    uv_timer_t native;
    uv_timer_init(embedded.application.get(), &native);
    native.data = &in_application;
    int calls = 0;
    const auto meanwhile = Timer::after(embedded.loop, 20ms, [&] { ++calls; });
    const auto first = Timer::after(embedded.loop, 1ms, [&] {
      order += "first ";
      uv_timer_start(
          &native,
          [](uv_timer_t* timer) {
            (*static_cast<std::function<void()>*>(timer->data))();
            uv_close(reinterpret_cast<uv_handle_t*>(timer), nullptr);
          },
          1, 0);
    });
    CHECK(uv_run(embedded.application.get(), UV_RUN_DEFAULT) == 0);
    CHECK(order == "first application last");
    CHECK(calls == 1);
  }

  TEST_CASE("an embedded loop keeps uv_run going as long as it has something to do") {
    Embedded embedded;
    uv_loop_t* const application = embedded.application.get();
    CHECK(uv_run(application, UV_RUN_DEFAULT) == 0);
    int calls = 0;
    embedded.loop.post([&] { ++calls; });
    {
      const auto passing = Timer::after(embedded.loop, 1h, [] {});
    }
    CHECK(uv_run(application, UV_RUN_DEFAULT) == 0);
    CHECK(calls == 1);
    const IdleTimeout idle(embedded.loop, 1h, [] {});
    CHECK(uv_run(application, UV_RUN_DEFAULT) == 0);
  }

  TEST_CASE("after run_forever() an embedded loop no longer keeps the application's loop alive") {
    Embedded embedded;
    embedded.loop.post([&] { embedded.loop.stop(); });
    embedded.loop.run_forever();
    CHECK(uv_loop_alive(embedded.application.get()) == 0);
  }

  TEST_CASE("an exception of an embedded loop ends uv_run, and rethrow() throws it") {
    Embedded embedded;
    uv_loop_t* const application = embedded.application.get();
    int after = 0;
    embedded.loop.post([] { throw std::runtime_error("thrown"); });
    embedded.loop.post([&] { ++after; });
    uv_run(application, UV_RUN_DEFAULT);
    CHECK(after == 0);
    CHECK_THROWS_WITH(embedded.loop.rethrow(), "thrown");
    embedded.loop.rethrow();  // Throws it once.
    uv_run(application, UV_RUN_DEFAULT);
    CHECK(after == 1);
  }

  TEST_CASE("stop() on an embedded loop ends one uv_run of the application") {
    Embedded embedded;
    uv_loop_t* const application = embedded.application.get();
    int calls = 0;
    const auto timer = Timer::every(embedded.loop, 100us, [&] {
      if (++calls == 2) embedded.loop.stop();
      if (calls == 5) uv_stop(application);
    });
    CHECK(uv_run(application, UV_RUN_DEFAULT) != 0);
    CHECK(calls == 2);
    uv_run(application, UV_RUN_DEFAULT);
    CHECK(calls == 5);
  }

  TEST_CASE("two embedded loops can share one application loop") {
    Embedded embedded;
    Loop second(*embedded.application);
    std::string order;
    // One starts the other, so that a stall of the machine does not change the order.
    std::optional<Timer> two;
    int calls = 0;
    const auto meanwhile = Timer::after(second, 3ms, [&] { ++calls; });
    const auto one = Timer::after(embedded.loop, 1ms, [&] {
      order += "1";
      two.emplace(Timer::after(second, 1ms, [&] { order += "2"; }));
    });
    uv_run(embedded.application.get(), UV_RUN_DEFAULT);
    CHECK(order == "12");
    CHECK(calls == 1);
  }

  TEST_CASE_TEMPLATE("now() is read once an iteration, from the steady clock", LoopMode, Standalone,
                     Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    const auto before = Clock::now();
    CHECK(loop.now() >= before);
    Clock::time_point first, second;
    loop.post([&] { first = loop.now(); });
    loop.post([] { spend(1ms); });
    loop.post([&] { second = loop.now(); });
    loop.run();
    CHECK(first == second);
    CHECK(loop.now() >= second + 1ms);
  }
}
