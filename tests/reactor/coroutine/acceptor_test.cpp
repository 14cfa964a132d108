#include "reactor/coroutine/acceptor.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "support/coroutine.hpp"
#include "support/result.hpp"

using namespace std::chrono_literals;
using reactor::Acceptor;
using reactor::Connection;
using reactor::Loop;
using reactor::Result;
using reactor::Task;

TEST_SUITE("acceptor") {
  TEST_CASE("the errors of listening are those of a Listener") {
    Loop loop;
    CHECK_FALSE(Acceptor::listen(loop, "no endpoint"));
  }

  TEST_CASE("an accept() that is cancelled loses no connection, and their order stays") {
    Loop loop;
    run_task(loop, [](Loop& on) -> Task<> {
      Acceptor acceptor = ok(Acceptor::listen(on, "127.0.0.1:0"));
      CHECK_FALSE(co_await reactor::within(0ms, acceptor.accept()));
      std::vector<reactor::Socket> clients;
      for (int i = 0; i < 8; ++i) {
        clients.push_back(connect_to(acceptor.address()));
        const std::string number = std::to_string(i);
        REQUIRE(write(clients.back().fd(), number.data(), 1) == 1);
      }
      std::string received;
      while (received.size() < clients.size()) {
        Result<Connection> accepted = co_await reactor::within(0ms, acceptor.accept());
        if (!accepted) continue;
        const auto bytes = co_await accepted->read();
        received += text(*bytes);
        (void)co_await reactor::within(0ms, reactor::sleep(on, 1h));
      }
      CHECK(received == "01234567");
    }(loop));
  }

  TEST_CASE("what waits for an acceptor that is destroyed is cancelled") {
    Loop loop;
    auto acceptor = std::make_unique<Acceptor>(ok(Acceptor::listen(loop, "127.0.0.1:0")));
    bool cancelled = false;
    reactor::Nursery nursery(loop);
    nursery.start([](Acceptor& of, bool& out) -> Task<> { out = !co_await of.accept(); }(
                                                  *acceptor, cancelled));
    acceptor.reset();
    loop.run();
    CHECK(cancelled);
  }
}
