// Data that has arrived is handled before a timer that became due while the loop was busy.
#include <doctest/doctest.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <list>
#include <string>

#include "reactor/idle_timeout.hpp"
#include "reactor/timer.hpp"
#include "reactor/watcher.hpp"
#include "support/loop_modes.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"
#include "support/timeout_scale.hpp"

using namespace std::chrono_literals;
using reactor::IdleTimeout;
using reactor::Interest;
using reactor::Loop;
using reactor::Ready;
using reactor::Timer;
using reactor::Watcher;

namespace {

// Keeps the thread busy, like a callback that computes.
void compute_for(std::chrono::milliseconds time) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < until) {
  }
}

// A descriptor to which a peer writes. It is idle while the peer does not write.
class Client {
 public:
  Client(Loop& loop, std::size_t& reads, std::size_t& idle)
      : idle_(loop, 1h, [&idle] { ++idle; }),
        watcher_(ok(Watcher::create(loop, fd_, Interest::readable, [this, &reads](Ready) {
          std::uint64_t count = 0;
          CHECK(read(fd_, &count, sizeof count) == sizeof count);
          idle_.touch();
          ++reads;
          if (again_) send();
        }))) {}
  ~Client() {
    watcher_.set_interest(Interest::none);
    close(fd_);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void send() const {
    const std::uint64_t one = 1;
    CHECK(write(fd_, &one, sizeof one) == sizeof one);
  }
  void send_for_ever() {
    again_ = true;
    send();
  }
  void expire_in(reactor::Duration timeout) { idle_.restart(timeout); }

 private:
  const int fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  bool again_ = false;
  IdleTimeout idle_;
  Watcher watcher_;
};

bool allow_descriptors(rlim_t count) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= count) return true;
  limit.rlim_cur = count;
  return count <= limit.rlim_max && setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

}  // namespace

TEST_SUITE("arrivals") {
  TEST_CASE_TEMPLATE("a client that has sent data is never idle because the loop was busy",
                     LoopMode, Standalone, Embedded) {
    for (const std::size_t count : {1U, 255U, 256U, 257U, 600U, 3000U}) {
      CAPTURE(count);
      if (!allow_descriptors(count + 200)) {
        MESSAGE("skipped: too few descriptors");
        continue;
      }
      LoopMode mode;
      std::size_t reads = 0, idle = 0;
      std::list<Client> clients;
      for (std::size_t i = 0; i < count; ++i) clients.emplace_back(mode.loop, reads, idle);
      mode.loop.post([&] {
        for (Client& client : clients) client.expire_in(5ms);
        for (const Client& client : clients) client.send();
        compute_for(20ms);
      });
      run_until(mode.loop, [&] { return reads == count; });
      CHECK(idle == 0);
    }
  }

  TEST_CASE_TEMPLATE("a client that has sent nothing is idle after the loop was busy", LoopMode,
                     Standalone, Embedded) {
    LoopMode mode;
    std::size_t reads = 0, idle = 0;
    std::list<Client> clients;
    for (int i = 0; i < 2; ++i) clients.emplace_back(mode.loop, reads, idle);
    mode.loop.post([&] {
      for (Client& client : clients) client.expire_in(5ms);
      clients.front().send();
      compute_for(20ms);
    });
    run_until(mode.loop, [&] { return idle == 1; });
    CHECK(reads == 1);
  }

  TEST_CASE_TEMPLATE("a timer fires even if more clients than one batch holds always send more",
                     LoopMode, Standalone, Embedded) {
    LoopMode mode;
    constexpr std::size_t count = 600;
    std::size_t reads = 0, idle = 0;
    if (!allow_descriptors(count + 200)) {
      MESSAGE("skipped: too few descriptors");
      return;
    }
    std::list<Client> clients;
    for (std::size_t i = 0; i < count; ++i) clients.emplace_back(mode.loop, reads, idle);
    std::size_t reads_before = 0;
    bool fired = false;
    auto timer = Timer(mode.loop, [&] { fired = true; });
    mode.loop.post([&] {
      for (Client& client : clients) client.send_for_ever();
      timer.restart(1ms);
      compute_for(10ms);
      reads_before = reads;
    });
    run_until(mode.loop, [&] { return fired; });
    CHECK(reads - reads_before <= 3 * count);
  }

  TEST_CASE("a client that sends while the process is stopped is not idle") {
    std::array<int, 2> input{}, output{};
    REQUIRE(pipe(input.data()) == 0);
    REQUIRE(pipe(output.data()) == 0);
    const auto timeout = 1000ms * timeout_scale();
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      Loop loop;
      const auto tell = [&](char what) {
        if (write(output[1], &what, 1) != 1) _exit(1);
      };
      const auto watcher = Watcher::create(loop, input[0], Interest::readable, [&](Ready) {
        tell('r');
        _exit(0);
      });
      const auto timer = Timer::after(loop, timeout, [&] {
        tell('i');
        _exit(0);
      });
      tell('b');
      loop.run();
      _exit(1);
    }
    char what = 0;
    REQUIRE(read(output[0], &what, 1) == 1);
    REQUIRE(kill(child, SIGSTOP) == 0);
    int status = 0;
    REQUIRE(waitpid(child, &status, WUNTRACED) == child);
    REQUIRE(WIFSTOPPED(status));
    REQUIRE(write(input[1], "x", 1) == 1);
    Loop loop;
    const auto long_enough = Timer::after(loop, timeout + 50ms, [] {});
    loop.run();
    REQUIRE(kill(child, SIGCONT) == 0);
    REQUIRE(read(output[0], &what, 1) == 1);
    CHECK(what == 'r');
    CHECK(waitpid(child, &status, 0) == child);
    for (const int fd : {input[0], input[1], output[0], output[1]}) close(fd);
  }
}
