// A task is destroyed at each of its waits, in each way. AddressSanitizer finds what is used after
// that; the tests find what continues, and what is left over.
#include <doctest/doctest.h>

#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocols/lines.hpp"
#include "support/coroutine.hpp"
#include "support/result.hpp"

using namespace std::chrono_literals;
using protocols::LineDecoder;
using reactor::Loop;
using reactor::Nursery;
using reactor::Task;

namespace {

// Every handle that a task can wait for.
struct Handles {
  explicit Handles(Loop& loop)
      : line(loop, small_buffers),
        acceptor(ok(reactor::Acceptor::listen(loop, "127.0.0.1:0"))),
        datagrams(ok(reactor::DatagramSocket::bind(loop, "127.0.0.1:0"))),
        signals(ok(reactor::Signals::create(loop, SIGUSR1))),
        child(ok(reactor::ChildProcess::start(
            loop, {.program = "cat", .input = reactor::Standard::stream}))),
        children(loop) {
    line.peer.hold();
    children.start([](Loop& on) -> Task<> { co_await reactor::sleep(on, 1h); }(loop));
  }

  // Lets everything that can be waited for happen.
  void happen() {
    line.peer.read_on();
    line.peer.send("line\n");
    client = connect_to(acceptor.address());
    datagrams.socket().send(datagrams.socket().address(), "datagram");
    raise(SIGUSR1);
    child.process().kill(SIGKILL);
  }

  ConnectedTask line;
  reactor::Acceptor acceptor;
  reactor::Datagrams datagrams;
  reactor::Signals signals;
  reactor::ChildProcess child;
  Nursery children;
  reactor::Socket client;
};

using Wait = Task<> (*)(Loop&, Handles&);

Task<> fill(reactor::Connection& connection) {
  const std::string piece(256 * 1024, 'x');
  while (co_await connection.write(piece) != reactor::WriteStatus::closed) {
  }
}

Task<int> nested(Loop& loop, int levels) {
  if (levels > 0) co_return co_await nested(loop, levels - 1);
  co_await reactor::sleep(loop, 1h);
  co_return 0;
}

const std::pair<const char*, Wait> waits[] = {
    {"read", [](Loop&, Handles& h) -> Task<> { (void)co_await h.line.connection.read(); }},
    {"write", [](Loop&, Handles& h) -> Task<> { co_await fill(h.line.connection); }},
    {"close",
     [](Loop&, Handles& h) -> Task<> {
       (void)h.line.connection.write(std::string(4'000'000, 'x'));
       (void)co_await h.line.connection.close();
     }},
    {"next",
     [](Loop&, Handles& h) -> Task<> {
       reactor::Frames<LineDecoder> lines(h.line.connection);
       (void)co_await lines.next();
     }},
    {"connect",
     [](Loop& loop, Handles&) -> Task<> { (void)co_await reactor::connect(loop, "192.0.2.1:9"); }},
    {"accept", [](Loop&, Handles& h) -> Task<> { (void)co_await h.acceptor.accept(); }},
    {"receive", [](Loop&, Handles& h) -> Task<> { (void)co_await h.datagrams.receive(); }},
    {"signal", [](Loop&, Handles& h) -> Task<> { (void)co_await h.signals.next(); }},
    {"child", [](Loop&, Handles& h) -> Task<> { (void)co_await h.child.end(); }},
    {"nursery", [](Loop&, Handles& h) -> Task<> { co_await h.children.all_ended(); }},
    {"sleep", [](Loop& loop, Handles&) -> Task<> { co_await reactor::sleep(loop, 1h); }},
    {"work", [](Loop& loop, Handles&) -> Task<> { co_await reactor::work(loop, [] {}); }},
    {"lookup",
     [](Loop& loop, Handles&) -> Task<> {
       (void)co_await reactor::lookup_name(loop, address("127.0.0.1:1"));
     }},
    {"task", [](Loop& loop, Handles&) -> Task<> { (void)co_await nested(loop, 5); }},
    {"within",
     [](Loop&, Handles& h) -> Task<> {
       (void)co_await reactor::within(1h, h.line.connection.read());
     }},
    {"all",
     [](Loop& loop, Handles& h) -> Task<> {
       (void)co_await reactor::all(nested(loop, 2), h.signals.next(), reactor::sleep(loop, 1h));
     }},
    {"any",
     [](Loop& loop, Handles& h) -> Task<> {
       (void)co_await reactor::any(reactor::sleep(loop, 1h), h.line.connection.read(),
                                   h.acceptor.accept());
     }},
};

// Waits, and sets `ended` afterwards.
Task<> wait_and_mark(Loop& loop, Handles& handles, Wait wait, bool& ended, Witness) {
  co_await wait(loop, handles);
  ended = true;
}

enum class Way { task, nursery, nursery_in_a_task, loop_stopped, timeout };

// With `ends_alone` it may end before it is destroyed.
void destroy(Wait wait, Way way, bool event_first, bool ends_alone) {
  Loop loop;
  auto handles = std::make_unique<Handles>(loop);
  bool ended = false, destroyed = false;
  auto nursery = std::make_unique<Nursery>(loop);
  Task<> task = wait_and_mark(loop, *handles, wait, ended, Witness(destroyed));
  if (way == Way::timeout) {
    nursery->start([](Task<> inner) -> Task<> {
      (void)co_await reactor::within(0ms, std::move(inner));
    }(std::move(task)));
  } else if (way == Way::task) {
    nursery->start([](Loop& on, Task<> inner) -> Task<> {
      (void)co_await reactor::any(std::move(inner), reactor::sleep(on, 0ms));
    }(loop, std::move(task)));
  } else {
    nursery->start(std::move(task));
  }
  if (event_first) handles->happen();
  switch (way) {
    case Way::task:
    case Way::timeout:
      run_until(loop, [&] { return nursery->size() == 0; });
      break;
    case Way::nursery:
      nursery.reset();
      break;
    case Way::nursery_in_a_task: {
      Nursery other(loop);
      other.start([](std::unique_ptr<Nursery>& owned) -> Task<> {
        owned.reset();
        co_return;
      }(nursery));
      break;
    }
    case Way::loop_stopped:
      loop.stop();
      loop.run();
      nursery.reset();
      break;
  }
  CHECK(destroyed);
  if (!event_first && !ends_alone) CHECK_FALSE(ended);
  const bool ended_then = ended;
  if (!event_first) handles->happen();
  poll_some(loop);
  CHECK(ended == ended_then);
}

// What its destructor puts in resumes a task that is about to be destroyed, too.
struct Bell {
  reactor::Waiter waiter;
};
struct Ring {
  explicit Ring(Bell& of) : bell(of) {}
  Ring(const Ring&) = delete;
  ~Ring() { bell.waiter.resume(); }
  Bell& bell;
};
struct Rung {
  [[nodiscard]] bool await_ready() const { return false; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> task) {
    bell.waiter.wait(task);
  }
  void await_resume() const {}
  ~Rung() { bell.waiter = {}; }
  Bell& bell;
};

Task<> ring_when_destroyed(Loop& loop, Bell& bell) {
  const Ring ring(bell);
  co_await reactor::sleep(loop, 1h);
}

Task<> wait_for_bell(Bell& bell, bool& continued) {
  co_await Rung{bell};
  continued = true;
}

}  // namespace

TEST_SUITE("lifetime of tasks") {
  // Reported against libunifex (#445): cancelling completes all operations of a group while the
  // group is being cancelled.
  TEST_CASE("a group whose tasks resume each other while they are destroyed") {
    for (const bool ringing_first : {true, false}) {
      Loop loop;
      Bell bell;
      bool continued = false;
      run_task(loop, [](Loop& on, Bell& of, bool& out, bool first) -> Task<> {
        if (first) {
          (void)co_await reactor::within(
              0ms, reactor::all(ring_when_destroyed(on, of), wait_for_bell(of, out)));
        } else {
          (void)co_await reactor::within(
              0ms, reactor::all(wait_for_bell(of, out), ring_when_destroyed(on, of)));
        }
      }(loop, bell, continued, ringing_first));
      CHECK_FALSE(continued);
    }
  }

  // Reported against uvco (#4): a write that waits for the kernel is cancelled, and its buffer is
  // freed while the write goes on.
  TEST_CASE("a write that is cancelled while the kernel is full still sends all of its bytes") {
    Loop loop;
    ConnectedTask line(loop, small_buffers);
    line.peer.hold();
    const std::string sent = Pattern::text(3'000'000);
    run_task(loop, [](reactor::Connection& connection, std::string bytes) -> Task<> {
      CHECK_FALSE(co_await reactor::within(0ms, connection.write(bytes)));
      bytes.assign(bytes.size(), '!');
    }(line.connection, sent));
    line.peer.read_on();
    run_until(loop, [&] { return line.peer.received().size() >= sent.size(); });
    CHECK((line.peer.received() == sent));
  }

  // Reported against asio (#1332): an operation is cancelled after it has completed, and before
  // that is known.
  TEST_CASE("a wait is cancelled in the iteration in which it ends, in either order") {
    for (const bool cancel_first : {true, false}) {
      Loop loop;
      auto nursery = std::make_unique<Nursery>(loop);
      bool ended = false;
      const auto wait = [&] {
        nursery->start([](Loop& on, bool& out) -> Task<> {
          co_await reactor::sleep(on, 1ms);
          out = true;
        }(loop, ended));
      };
      if (!cancel_first) wait();
      const auto cancel = reactor::Timer::after(loop, 1ms, [&] { nursery.reset(); });
      if (cancel_first) wait();
      loop.run();
      CHECK(ended != cancel_first);
    }
  }

  TEST_CASE("a task is destroyed at each of its waits, in each way, and does not continue") {
    for (const auto& [name, wait] : waits) {
      const std::string what = name;
      CAPTURE(what);
      for (const Way way :
           {Way::task, Way::nursery, Way::nursery_in_a_task, Way::loop_stopped, Way::timeout}) {
        for (const bool event_first : {false, true}) {
          CAPTURE(static_cast<int>(way));
          CAPTURE(event_first);
          const bool ends_alone = what == "work" || what == "lookup" || what == "connect";
          destroy(wait, way, event_first, ends_alone);
        }
      }
    }
  }

  TEST_CASE("a task continues when what it waits for is destroyed, unless that is its own") {
    for (const auto& [name, wait] : waits) {
      const std::string what = name;
      CAPTURE(what);
      if (what == "sleep" || what == "connect" || what == "task" || what == "all") continue;
      Loop loop;
      auto handles = std::make_unique<Handles>(loop);
      bool ended = false, destroyed = false;
      Nursery nursery(loop);
      nursery.start(wait_and_mark(loop, *handles, wait, ended, Witness(destroyed)));
      handles.reset();
      run_until(loop, [&] { return nursery.size() == 0; });
      CHECK(ended);
      CHECK(destroyed);
    }
  }
}
