// A forked child that destroys inherited handles, runs on or exits does not disturb its parent.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "reactor/datagram.hpp"
#include "reactor/listener.hpp"
#include "reactor/process.hpp"
#include "reactor/signal.hpp"
#include "reactor/stream.hpp"
#include "reactor/timer.hpp"
#include "reactor/watcher.hpp"
#include "reactor/work.hpp"
#include "support/child.hpp"
#include "support/loop_modes.hpp"
#include "support/peer.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"
#include "support/valgrind.hpp"

using namespace std::chrono_literals;
using reactor::Interest;
using reactor::Listener;
using reactor::Loop;
using reactor::Process;
using reactor::Ready;
using reactor::Signal;
using reactor::Stream;
using reactor::Timer;
using reactor::Watcher;

namespace {

// How a fork that calls `body` ends: its exit status, or the negative number of the signal.
int forked(const std::function<void()>& body) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    signal(SIGABRT, SIG_DFL);  // Not the handler of doctest.
    try {
      body();
    } catch (const std::exception& exception) {
      std::fprintf(stderr, "in the child: %s\n", exception.what());
      _exit(99);
    }
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

// One of each object that a child could disturb.
template <class LoopMode>
struct OneOfEach {
  OneOfEach() {
    REQUIRE(pipe(ends.data()) == 0);
    watchers[0] = ok(Watcher::create(loop(), ends[0], Interest::readable, [this](Ready) {
      char byte = 0;
      if (read(ends[0], &byte, 1) == 1) ++bytes_read;
    }));
    watchers[1] = ok(Watcher::create(loop(), ends[0], Interest::readable, [](Ready) {}));
    watchers[1]->set_interest(Interest::none);
    listener = ok(Listener::listen(loop(), path, [this](reactor::Socket socket, const auto&) {
      accepted.push_back(std::move(socket));
    }));
    auto [near, far] = connected_sockets(Transport::tcp4);
    stream.emplace(loop(), std::move(near));
    stream->on_data([this](Stream::Bytes bytes) { received += bytes.size(); });
    peer.emplace(loop(), std::move(far));
    signal = ok(Signal::create(loop(), SIGUSR1, [this] { ++signals; }));
    process = ok(Process::start(loop(), {.program = "cat", .input = reactor::Standard::stream},
                                [this](reactor::ProcessEnd) { ended = true; }));
  }
  ~OneOfEach() {
    watchers = {};
    close(ends[0]);
    close(ends[1]);
  }
  OneOfEach(const OneOfEach&) = delete;
  OneOfEach& operator=(const OneOfEach&) = delete;

  Loop& loop() { return mode.loop; }

  void works() {
    const int bytes_read_before = bytes_read, signals_before = signals;
    const std::size_t accepted_before = accepted.size(), received_before = received;
    REQUIRE(write(ends[1], "x", 1) == 1);
    const reactor::Socket client = connect_to(listener->address());
    peer->send("12345");
    raise(SIGUSR1);
    run_until(loop(), [&] {
      return bytes_read == bytes_read_before + 1 && signals == signals_before + 1 &&
             accepted.size() == accepted_before + 1 && received == received_before + 5;
    });
    CHECK_FALSE(ended);
    CHECK(kill(process->id(), 0) == 0);
  }

  LoopMode mode;
  std::array<int, 2> ends{};
  reactor::Address path = any_address(Transport::unix_socket);
  std::array<std::optional<Watcher>, 2> watchers;
  std::optional<Listener> listener;
  std::vector<reactor::Socket> accepted;
  std::optional<Stream> stream;
  std::optional<Peer> peer;
  std::optional<Signal> signal;
  std::optional<Process> process;
  int bytes_read = 0, signals = 0;
  std::size_t received = 0;
  bool ended = false;
};

}  // namespace

TEST_SUITE("fork") {
  TEST_CASE_TEMPLATE("a child that destroys all inherited handles leaves them intact in its parent",
                     LoopMode, Standalone, Embedded) {
    auto program = std::make_unique<OneOfEach<LoopMode>>();
    program->works();
    CHECK(forked([&] {
            program->signal.reset();
            program->process.reset();
            program->listener.reset();
            program->stream.reset();
            program->watchers[1].reset();
            program->watchers[0]->set_interest(Interest::none);
            program->watchers[0].reset();
          }) == 0);
    program->works();
    program->works();
  }

  TEST_CASE("a child that destroys a loop leaves the loop of its parent intact") {
    auto program = std::make_unique<OneOfEach<Standalone>>();
    program->works();
    CHECK(forked([&] { program.reset(); }) == 0);
    program->works();
  }

  TEST_CASE_TEMPLATE("posts, stops and timers of a child do not reach its parent", LoopMode,
                     Standalone, Embedded) {
    OneOfEach<LoopMode> program;
    bool reached = false;
    auto timer = Timer(program.loop(), [&] { reached = true; });
    CHECK(forked([&] {
            program.loop().post([&] { reached = true; });
            program.loop().stop();
            timer.restart(0ms);
            program.process->kill(SIGKILL);
          }) == 0);
    program.works();
    CHECK_FALSE(reached);
  }

  TEST_CASE_TEMPLATE("a child cannot run a loop of its parent", LoopMode, Standalone, Embedded) {
    OneOfEach<LoopMode> program;
    CHECK(forked([&] {
            int refused = 0;
            for (int way = 0; way < 4; ++way) {
              try {
                if (way == 0) program.loop().run();
                if (way == 1) program.loop().run_forever();
                if (way == 2) (void)program.loop().run_once();
                if (way == 3) (void)program.loop().poll();
              } catch (const std::system_error& error) {
                refused += error.code() == std::errc::operation_not_permitted;
              }
            }
            _exit(refused);
          }) == 4);
    program.works();
  }

  TEST_CASE_TEMPLATE("a child that returns from the callback that forked leaves run()", LoopMode,
                     Standalone, Embedded) {
    OneOfEach<LoopMode> program;
    pid_t child = 0;
    int calls = 0;
    REQUIRE(write(program.ends[1], "x", 1) == 1);
    const auto timer = Timer::after(program.loop(), 0ms, [&] {
      ++calls;
      child = fork();
    });
    const auto second = Timer::after(program.loop(), 0ms, [&] { ++calls; });
    bool thrown = false;
    try {
      run_until(program.loop(), [&] { return calls == 2; });
    } catch (const std::system_error&) {
      thrown = true;
    }
    if (child == 0) _exit(thrown && calls == 1 ? 0 : 1);
    REQUIRE(child > 0);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK_FALSE(thrown);
    run_until(program.loop(), [&] { return program.bytes_read == 1; });
    program.works();
  }

  TEST_CASE("data that a callback wrote before it forked is sent once") {
    for (const bool datagrams : {false, true}) {
      CAPTURE(datagrams);
      OneOfEach<Standalone> program;
      auto receiver = ok(reactor::DatagramSocket::bind(program.loop(), address("127.0.0.1:0")));
      std::size_t arrived = 0;
      receiver.on_received([&](std::span<const reactor::Datagram> batch) {
        for (const auto& datagram : batch) arrived += datagram.bytes.size();
      });
      auto sender = std::make_optional(
          ok(reactor::DatagramSocket::connect(program.loop(), receiver.address())));
      bool forked_now = false;
      program.loop().post([&] {
        datagrams ? (void)sender->send("once") : (void)program.stream->write("once");
        CHECK(forked([&] {
                sender.reset();
                program.stream.reset();
              }) == 0);
        forked_now = true;
      });
      run_until(program.loop(), [&] {
        return forked_now && (datagrams ? arrived : program.peer->received().size()) >= 4;
      });
      program.works();
      CHECK(arrived == (datagrams ? 4 : 0));
      CHECK(program.peer->received() == (datagrams ? "" : "once"));
    }
  }

  TEST_CASE("a signal to a child has its default effect, and does not reach the parent") {
    OneOfEach<Standalone> program;
    CHECK(forked([] { raise(SIGUSR1); }) == -SIGUSR1);
    program.works();
    CHECK(program.signals == 1);
  }

  TEST_CASE("a child may run a loop of its own, with signals and processes of its own") {
    if (below_thread_sanitizer) {
      MESSAGE("skipped: ThreadSanitizer lets a forked child of several threads start none");
      return;
    }
    OneOfEach<Standalone> program;
    CHECK(forked([&] {
            Loop own;
            int bytes_read = 0;
            bool ended = false;
            auto signal = ok(Signal::create(own, SIGUSR1, [&] { ++bytes_read; }));
            auto process =
                ok(Process::start(own, {.program = "true"},
                                  [&](reactor::ProcessEnd end) { ended = end.succeeded(); }));
            const auto work = reactor::Work::run(
                own, [] {}, [] { raise(SIGUSR1); });
            const auto tick = Timer::every(own, 1ms, [] {});
            const auto late = std::chrono::steady_clock::now() + 60s;
            while (!(bytes_read == 1 && ended) && std::chrono::steady_clock::now() < late) {
              own.run_once();
            }
            _exit(bytes_read == 1 && ended ? 7 : 1);
          }) == 7);
    program.works();
    CHECK(program.signals == 1);
  }

  TEST_CASE("a child that another thread forked may destroy the loop") {
    auto loop = std::make_unique<Loop>();
    std::optional<Timer> timer(std::in_place, *loop, [] {});
    std::atomic<bool> running = false;
    loop->post([&] { running = true; });
    std::thread thread([&] { loop->run_forever(); });
    while (!running) std::this_thread::yield();
    CHECK(forked([&] {
            timer.reset();
            loop.reset();
          }) == 0);
    loop->stop();
    thread.join();
  }
}
