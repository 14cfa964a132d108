// A listener whose accept fails with errors that the kernel may report.
#include <doctest/doctest.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <list>
#include <string>
#include <utility>
#include <vector>

#include "faulty_platform.hpp"
#include "reactor/listener.hpp"
#include "support/loop_modes.hpp"
#include "support/peer.hpp"
#include "support/run_until.hpp"

using namespace std::chrono_literals;
using reactor::Address;
using reactor::Listener;
using reactor::Loop;
using reactor::Socket;

namespace {

using Clock = std::chrono::steady_clock;

struct Accepting {
  explicit Accepting(Loop& loop)
      : listener(std::move(*Listener::listen(loop, any_address(Transport::tcp4),
                                             [this](Socket socket, const Address&) {
                                               accepted_at = Clock::now();
                                               sockets.push_back(std::move(socket));
                                             }))) {
    listener.on_error([this](const reactor::Error& error) { errors.push_back(error.message()); });
  }

  std::vector<Socket> sockets;
  std::vector<std::string> errors;
  Clock::time_point accepted_at;
  Listener listener;
};

}  // namespace

TEST_SUITE("listener_fault") {
  TEST_CASE_TEMPLATE(
      "without a free descriptor in the process or the system, one client is turned away", LoopMode,
      Standalone, Embedded) {
    for (const int error : {EMFILE, ENFILE}) {
      CAPTURE(error);
      LoopMode mode;
      Loop& loop = mode.loop;
      faulty::inject(0, {});
      Accepting on(loop);
      Peer first(loop, connect_to(on.listener.address()));
      Peer second(loop, connect_to(on.listener.address()));
      faulty::fail_accepts(1, error);
      run_until(loop, [&] { return first.over() && on.sockets.size() == 1; });
      CHECK(faulty::calls().shed == 1);
      CHECK_FALSE(second.over());
      CHECK(on.errors.size() == 1);
    }
  }

  TEST_CASE_TEMPLATE("any other error turns no client away, and accepting continues after a pause",
                     LoopMode, Standalone, Embedded) {
    for (const int error : {ENOMEM, ENOBUFS, EINVAL}) {
      CAPTURE(error);
      LoopMode mode;
      Loop& loop = mode.loop;
      faulty::inject(0, {});
      Accepting on(loop);
      const Peer client(loop, connect_to(on.listener.address()));
      faulty::fail_accepts(3, error);
      run_until(loop, [&] { return on.sockets.size() == 1; });
      CHECK(on.accepted_at - faulty::accept_failed_at() >= 20ms);  // After pauses of 5 and 10 ms.
      CHECK(faulty::calls().shed == 0);
      CHECK_FALSE(client.over());
    }
  }

  TEST_CASE_TEMPLATE("errors of single connections cause no pause", LoopMode, Standalone,
                     Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    faulty::inject(0, {});
    Accepting on(loop);
    const Socket client = connect_to(on.listener.address());
    faulty::fail_accepts(10, ECONNABORTED);
    run_until(loop, [&] { return on.sockets.size() == 1; });
    CHECK(on.errors.empty());
  }

  TEST_CASE_TEMPLATE("after a successful accept the next pause is the shortest again", LoopMode,
                     Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    faulty::inject(0, {});
    Accepting on(loop);
    std::list<Socket> clients;
    const auto pause_after = [&](unsigned failures) {
      const std::size_t before = on.sockets.size();
      faulty::fail_accepts(failures, ENOMEM);
      clients.push_back(connect_to(on.listener.address()));
      run_until(loop, [&] { return on.sockets.size() > before; });
      return on.accepted_at - faulty::accept_failed_at();
    };
    // Each failure causes a pause: 5, 10, 20, 40, 80 and 160 ms. Without an accept the next pause
    // would be 320 ms. If the machine stalls, a pause takes longer and the test tries again.
    constexpr int tries = 10;
    Clock::duration shortest = 1h;
    for (int i = 0; i < tries && shortest >= 100ms; ++i) {
      CHECK(pause_after(6) >= 160ms);
      const auto next = pause_after(1);
      CHECK(next >= 5ms);
      shortest = std::min(shortest, next);
    }
    CHECK(shortest < 100ms);
  }

  TEST_CASE_TEMPLATE("drain() turns away only connections without a descriptor, and reports them",
                     LoopMode, Standalone, Embedded) {
    for (const int error : {EMFILE, ENFILE}) {
      CAPTURE(error);
      LoopMode mode;
      Loop& loop = mode.loop;
      faulty::inject(0, {});
      Accepting on(loop);
      std::list<Peer> clients;
      for (int i = 0; i < 5; ++i) clients.emplace_back(loop, connect_to(on.listener.address()));
      faulty::fail_accepts(2, error);
      on.listener.drain();
      CHECK(on.errors.empty());  // No callback is called from inside drain().
      const auto over = [](const Peer& client) { return client.over(); };
      run_until(loop, [&] {
        return on.sockets.size() == 3 && std::count_if(clients.begin(), clients.end(), over) == 2;
      });
      CHECK(on.errors.size() == 1);
    }
  }

  TEST_CASE_TEMPLATE("drain() is not stopped by connections that were closed before", LoopMode,
                     Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    faulty::inject(0, {});
    Accepting on(loop);
    std::list<Socket> clients;
    for (int i = 0; i < 3; ++i) clients.push_back(connect_to(on.listener.address()));
    faulty::fail_accepts(20, ECONNABORTED);
    on.listener.drain();
    run_until(loop, [&] { return on.sockets.size() == 3; });
    CHECK(on.errors.empty());
  }
}
