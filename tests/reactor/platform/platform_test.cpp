// Threads, loops and their helpers work on the platform that was chosen for them.
#include "reactor/platform/platform.hpp"

#include <doctest/doctest.h>
#include <uv.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/loop.hpp"
#include "reactor/loop_pool.hpp"
#include "reactor/resolver.hpp"
#include "reactor/socket.hpp"
#include "reactor/timer.hpp"
#include "reactor/work.hpp"
#include "support/loop_modes.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"

using namespace std::chrono_literals;
using reactor::Address;
using reactor::Loop;
using reactor::Socket;
using reactor::Timer;
using reactor::platform::Event;
using reactor::platform::HashSeeds;
using reactor::platform::Platform;
using reactor::platform::Poller;
using reactor::platform::Token;
namespace platform = reactor::platform;

namespace {

// The kernel, except that a process has no descriptors left.
struct NoDescriptors final : Platform {
  int socket(int, int, int) override { return -EMFILE; }
};

bool can_open() {
  const auto opened = Socket::open(reactor::Family::ipv4, reactor::SocketType::datagram);
  if (!opened) CHECK(opened.error().code == std::errc::too_many_files_open);
  return opened.has_value();
}

// Time passes only when the test advances it, or while a loop waits for it.
struct SetClock final : Platform {
  struct Waiting final : Poller {
    explicit Waiting(SetClock& clock) : Poller(true), clock_(clock) {}
    int add(int, reactor::Interest, reactor::Trigger, Token) override { return 0; }
    int change(int, reactor::Interest, reactor::Trigger, Token) override { return 0; }
    void remove(int, Token) override {}
    std::span<const Event> wait(int timeout) override {
      if (timeout < 0) clock_.now = std::max(clock_.now, std::exchange(armed_, 0));
      return {};
    }
    void wake() noexcept override {}
    void arm(std::int64_t nanoseconds) override { armed_ = nanoseconds; }

   private:
    SetClock& clock_;
    std::int64_t armed_ = 0;
  };

  std::int64_t steady_now() override { return now; }
  std::unique_ptr<Poller> new_poller(uv_loop_s&, const Poller::Embedding*) override {
    return std::make_unique<Waiting>(*this);
  }
  void pass(std::chrono::nanoseconds time) { now += time.count(); }

  std::int64_t now = std::chrono::nanoseconds(1h).count();
};

struct Seeded final : Platform {
  explicit Seeded(std::uint64_t seed) : seeds{seed, seed + 2, seed + 4} {}
  const HashSeeds& hash_seeds() override { return seeds; }
  const HashSeeds seeds;
};

std::vector<std::size_t> hashes() {
  std::vector<std::size_t> hashes;
  for (const char* text : {"127.0.0.1:1", "127.0.0.1:2", "[::1]:1", "[fe80::1]:65535"}) {
    hashes.push_back(std::hash<Address>()(address(text)));
  }
  return hashes;
}

}  // namespace

TEST_SUITE("platform") {
  TEST_CASE("a thread works on the platform in use, and on the previous one when that use ends") {
    NoDescriptors none;
    CHECK(can_open());
    {
      const platform::Use use(none);
      CHECK_FALSE(can_open());
      std::jthread([] { CHECK_MESSAGE(can_open(), "another thread has its own"); }).join();
      {
        const platform::Use kernel(nullptr);
        CHECK(can_open());
      }
      CHECK_FALSE(can_open());
    }
    CHECK(can_open());
  }

  TEST_CASE_TEMPLATE("a loop runs on the platform of the thread that made it", LoopMode, Standalone,
                     Embedded) {
    NoDescriptors none;
    std::optional<LoopMode> mode;
    {
      const platform::Use use(none);
      mode.emplace();
    }
    bool called = false;
    mode->loop.post([&] {
      called = true;
      CHECK_FALSE(can_open());
    });
    run_until(mode->loop, [&] { return called; });
    CHECK(can_open());
  }

  TEST_CASE("a timer fires according to the platform's clock") {
    SetClock clock;
    const platform::Use use(clock);
    Loop loop;
    int fired = 0;
    const auto timer = Timer::after(loop, 1h, [&] { ++fired; });
    loop.poll();
    clock.pass(1h - 1ns);
    loop.poll();
    CHECK(fired == 0);
    clock.pass(1ms);
    loop.poll();
    CHECK(fired == 1);
  }

  TEST_CASE("a loop that waits by the platform's poller spends no real time") {
    SetClock clock;
    const platform::Use use(clock);
    Loop loop;
    const auto began = loop.now();
    std::vector<std::chrono::hours> fired;
    std::vector<Timer> timers;
    for (const auto delay : {48h, 1h, 24h}) {
      timers.push_back(Timer::after(loop, delay, [&, delay] {
        fired.push_back(delay);
        CHECK(loop.now() - began >= delay);
        CHECK(loop.now() - began < delay + 1ms);
      }));
    }
    loop.run();
    CHECK(fired == std::vector<std::chrono::hours>{1h, 24h, 48h});
  }

  TEST_CASE("the platform's seeds make hashes of addresses repeatable") {
    const auto kernels = hashes();
    std::vector<std::vector<std::size_t>> seeded;
    for (const unsigned seed : {7U, 7U, 9U}) {
      Seeded seeds(seed);
      const platform::Use use(seeds);
      seeded.push_back(hashes());
    }
    CHECK(seeded[0] == seeded[1]);
    CHECK(seeded[0] != seeded[2]);
    CHECK(seeded[0] != kernels);
    CHECK(hashes() == kernels);
  }

  TEST_CASE("the threads of a LoopPool work on the platform of its caller") {
    NoDescriptors none;
    const platform::Use use(none);
    std::atomic<int> without = 0;
    reactor::LoopPool(4).run([&](Loop&, std::size_t) { without += can_open() ? 0 : 1; });
    CHECK(without == 4);
  }

  TEST_CASE_TEMPLATE("the function of a Work runs on the platform of its loop", LoopMode,
                     Standalone, Embedded) {
    NoDescriptors none;
    const platform::Use use(none);
    LoopMode mode;
    std::optional<bool> could_open;
    const auto work = reactor::Work::run(
        mode.loop, [] { return can_open(); }, [&](bool could) { could_open = could; });
    run_until(mode.loop, [&] { return could_open.has_value(); });
    CHECK_FALSE(*could_open);
  }

  TEST_CASE("names are looked up on the platform of the loop") {
    struct Zone final : Platform {
      int getaddrinfo(const char* host, const char* service, const addrinfo* hints,
                      addrinfo** list) override {
        if (host != std::string("one.test")) return UV_EAI_NONAME;
        return Platform::getaddrinfo("127.0.0.1", service, hints, list);
      }
    };
    static Zone zone;  // Static: a thread may still be at the end of a lookup.
    const platform::Use use(zone);
    Loop loop;
    std::vector<std::string> found;
    for (const char* name : {"one.test:80", "two.test:80"}) {
      const std::size_t before = found.size();
      const auto lookup = reactor::Lookup::start(loop, name, [&](auto addresses) {
        found.push_back(addresses ? addresses->front().to_string() : addresses.error().message());
      });
      run_until(loop, [&] { return found.size() > before; });
    }
    CHECK(found == std::vector<std::string>{"127.0.0.1:80", "resolve two.test:80: no such name"});
  }
}
