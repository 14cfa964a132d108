#include "reactor/loop_pool.hpp"

#include <doctest/doctest.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "reactor/listener.hpp"
#include "reactor/platform/kernel.hpp"
#include "reactor/server.hpp"
#include "support/child.hpp"
#include "support/peer.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"

using reactor::Loop;
using reactor::LoopPool;
using reactor::Stream;

namespace {

struct PooledEcho {
  Stream& stream;
  void on_data(Stream::Bytes bytes) { stream.write(bytes); }
};

}  // namespace

TEST_SUITE("loop_pool") {
  TEST_CASE("each loop serves the same port on a thread of its own, until the pool is stopped") {
    LoopPool pool(3);
    std::atomic<int> served = 0;
    std::string port;
    std::mutex mutex;
    std::set<std::thread::id> threads;
    reactor::Address address = *reactor::Address::parse("127.0.0.1:0");
    // The kernel chooses the port once, and the other loops share it.
    auto holder = reactor::Socket::open(reactor::Family::ipv4, reactor::SocketType::stream);
    REQUIRE(holder);
    REQUIRE(holder->set(reactor::option::reuse_port, true));
    REQUIRE(holder->bind(address));
    address = *holder->local_address();

    std::jthread client;
    pool.run([&](Loop& loop, std::size_t index) {
      {
        const std::lock_guard lock(mutex);
        threads.insert(std::this_thread::get_id());
      }
      auto server = reactor::Server<PooledEcho>::listen(
          loop, address, {.listen = {.reuse_port = true}},
          [&](Stream& stream) { return ++served, PooledEcho{stream}; });
      if (!server) throw std::runtime_error(server.error().message());
      if (index == 0) {
        client = std::jthread([&] {
          Loop own;
          std::vector<Stream> streams;
          std::size_t answered = 0;
          for (int i = 0; i < 20; ++i) {
            streams.push_back(std::move(*Stream::connect(own, address)));
            streams.back().on_data([&](Stream::Bytes bytes) { answered += bytes.size(); });
            streams.back().write("hello");
          }
          while (answered < 100) own.run_once();
          pool.stop();
        });
      }
      loop.run();
    });
    CHECK(threads.size() == 3);
    CHECK(served == 20);
  }

  TEST_CASE("an exception on one thread stops the others and leaves run()") {
    LoopPool pool(2);
    CHECK_THROWS_WITH(pool.run([](Loop& loop, std::size_t index) {
      if (index == 1) throw std::runtime_error("no");
      loop.run_forever();
    }),
                      "no");
    std::atomic<int> runs = 0;
    pool.run([&](Loop&, std::size_t) { ++runs; });
    CHECK(runs == 2);
  }

  TEST_CASE("post() reports a loop that does not exist, and the task is destroyed") {
    LoopPool pool(2);
    const auto owned = std::make_shared<int>(1);
    CHECK_FALSE(pool.post(0, [owned] { FAIL("called before the loop exists"); }));
    std::atomic<int> calls = 0;
    pool.run([&](Loop& loop, std::size_t index) {
      if (index != 0) return loop.run_forever();
      CHECK_FALSE(pool.post(2, [owned] { FAIL("there is no third loop"); }));
      CHECK_FALSE(pool.post(std::size_t(-1), [owned] { FAIL("there is no such loop"); }));
      CHECK(pool.post(1, [&] {
        ++calls;
        pool.stop();
      }));
      loop.run_forever();
    });
    CHECK(calls == 1);
    CHECK_FALSE(pool.post(1, [owned] { FAIL("called after the loop's end"); }));
    CHECK(owned.use_count() == 1);
  }

  TEST_CASE("stop() before the loops run ends them, however early it is called") {
    LoopPool pool(3);
    pool.stop();
    std::atomic<int> runs = 0;
    pool.run([&](Loop& loop, std::size_t) {
      ++runs;
      loop.run_forever();
    });
    CHECK(runs == 3);
    // That run consumes the stop.
    std::atomic<bool> stopped = false;
    pool.run([&](Loop& loop, std::size_t index) {
      if (index == 0) {
        loop.post([&] {
          stopped = true;
          pool.stop();
        });
      }
      loop.run_forever();
      CHECK(stopped);
    });
  }

  TEST_CASE("stop() while the loops start, from any thread, ends run()") {
    for (int time = 0; time < 200; ++time) {
      LoopPool pool(4);
      std::jthread other([&, time] {
        for (int delay = 0; delay < time * 20; ++delay)
          std::atomic_signal_fence(std::memory_order_seq_cst);
        pool.stop();
      });
      pool.run([](Loop& loop, std::size_t) { loop.run_forever(); });
    }
  }

  TEST_CASE("stop() in serve() of one thread ends loops that their threads do not run yet") {
    LoopPool pool(3);
    std::atomic<bool> stopped = false;
    pool.run([&](Loop& loop, std::size_t index) {
      if (index == 0) {
        pool.stop();
        stopped = true;
      }
      while (!stopped) std::this_thread::yield();
      loop.run_forever();
    });
  }

  TEST_CASE("a loop that cannot be made ends run() with the error, and nothing is served") {
    const ChildEnd end = in_child([] {
      {
        const Loop warm;  // What libuv opens once for the process.
      }
      for (rlim_t spare = 0; spare < 24; ++spare) {
        rlimit limit{};
        getrlimit(RLIMIT_NOFILE, &limit);
        const rlimit before = limit;
        const int lowest = dup(0);
        close(lowest);
        limit.rlim_cur = static_cast<rlim_t>(lowest) + spare;
        setrlimit(RLIMIT_NOFILE, &limit);
        std::atomic<int> served = 0;
        bool thrown = false;
        try {
          LoopPool pool(4);
          pool.run([&](Loop& loop, std::size_t) {
            ++served;
            if (served == 4) return;
            loop.poll();
          });
        } catch (const std::system_error&) {
          thrown = true;
        }
        setrlimit(RLIMIT_NOFILE, &before);
        const int lowest_after = dup(0);
        close(lowest_after);
        if (served != (thrown ? 0 : 4) || lowest_after != lowest) _exit(1);
      }
    });
    CHECK(end.succeeded());
  }

  TEST_CASE("a thread that cannot be started ends run() with the error, and the started ones end") {
    const ChildEnd end = in_child([] {
      // Root may start any number of threads.
      if (getuid() == 0 && (setgid(65534) != 0 || setuid(61234) != 0)) _exit(0);
      const rlimit limit{3, 3};
      setrlimit(RLIMIT_NPROC, &limit);
      int served = 0;
      try {
        LoopPool pool(64);
        pool.run([&](Loop&, std::size_t) { ++served; });
      } catch (const std::system_error& error) {
        if (error.code() == std::errc::resource_unavailable_try_again && served == 0) _exit(0);
      }
      _exit(1);
    });
    CHECK(end.succeeded());
  }

  TEST_CASE("connections that one loop accepts go to the loop with the fewest") {
    constexpr std::size_t loops = 3;
    LoopPool pool(loops, {.pin = true});
    CHECK_FALSE(pool.hand_off([](std::size_t) { FAIL("there is no loop"); }));
    using Server = reactor::Server<PooledEcho>;
    std::array<std::optional<Server>, loops> servers;
    std::array<std::atomic<int>, loops> served{};
    std::atomic<int> ready = 0;
    std::jthread client;
    cpu_set_t before;
    REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
    const bool can_pin = reactor::platform::pin_thread(0) == 0;
    if (can_pin) reactor::platform::unpin_thread();
    pool.run([&](Loop& loop, std::size_t index) {
      cpu_set_t mine;
      CHECK(sched_getaffinity(0, sizeof mine, &mine) == 0);
      CHECK((CPU_COUNT(&mine) == 1 || !can_pin));
      servers[index] = ok(Server::passive(loop, {}, [&served, index](Stream& stream) {
        ++served[index];
        return PooledEcho{stream};
      }));
      ++ready;
      std::optional<reactor::Listener> listener;
      if (index == 0) {
        listener = ok(reactor::Listener::listen(
            loop, address("127.0.0.1:0"), [&](reactor::Socket socket, const auto& peer) {
              CHECK(pool.hand_off([&, peer, socket = std::move(socket)](std::size_t to) mutable {
                servers[to]->serve(std::move(socket), peer);
              }));
            }));
        poll_until(loop, [&] { return ready == loops; });
        client = std::jthread([&, at = listener->address()] {
          std::vector<reactor::Socket> clients;
          for (int i = 0; i < 30; ++i) clients.push_back(connect_to(at));
          Loop own;
          std::size_t echoed = 0;
          std::list<Stream> streams;
          for (auto& socket : clients) {
            Stream& stream = streams.emplace_back(own, std::move(socket));
            stream.on_data([&](auto) { ++echoed; });
            stream.write("x");
          }
          run_until(own, [&] { return echoed == 30; });
          pool.stop();
        });
      }
      loop.run_forever();
      servers[index].reset();
    });
    // A connection that is counted twice for a moment may move one to another loop.
    for (const auto& count : served) CHECK((count >= 8 && count <= 12));
    cpu_set_t after;
    REQUIRE(sched_getaffinity(0, sizeof after, &after) == 0);
    CHECK_MESSAGE(CPU_EQUAL(&before, &after), "the calling thread may use all processors again");
  }
}
