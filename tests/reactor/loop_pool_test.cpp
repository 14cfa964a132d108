#include "reactor/loop_pool.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

#include "reactor/server.hpp"
#include "support/run_until.hpp"

using reactor::Loop;
using reactor::LoopPool;
using reactor::Stream;

namespace {

struct Echo {
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
    // The kernel chooses the port once; the others join it.
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
      auto server =
          reactor::Server<Echo>::listen(loop, address, {.listen = {.reuse_port = true}},
                                        [&](Stream& stream) { return ++served, Echo{stream}; });
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

  TEST_CASE("what one thread throws stops the others and leaves run") {
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
}
