#include "reactor/coroutine/datagrams.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "support/coroutine.hpp"
#include "support/result.hpp"

using namespace std::chrono_literals;
using reactor::Datagram;
using reactor::Datagrams;
using reactor::DatagramSocket;
using reactor::Loop;
using reactor::Task;

TEST_SUITE("datagrams by coroutine") {
  TEST_CASE("a receive() that is cancelled loses no datagram") {
    Loop loop;
    run_task(loop, [](Loop& on) -> Task<> {
      Datagrams datagrams(ok(DatagramSocket::bind(on, "127.0.0.1:0")));
      auto sender = ok(DatagramSocket::connect(on, datagrams.socket().address()));
      std::vector<std::string> sent, received;
      const auto take = [&](const auto& batch) {
        if (!batch) return;
        for (const Datagram& datagram : *batch) received.emplace_back(datagram.text());
      };
      for (int i = 0; i < 100; ++i) {
        take(co_await reactor::within(0ms, datagrams.receive()));
        sent.push_back(std::to_string(i));
        sender.send(sent.back());
      }
      while (received.size() < sent.size()) take(co_await datagrams.receive());
      CHECK(received == sent);
    }(loop));
  }

  TEST_CASE("what waits for Datagrams that are destroyed is cancelled") {
    Loop loop;
    std::optional<Datagrams> datagrams(std::in_place,
                                       ok(DatagramSocket::bind(loop, "127.0.0.1:0")));
    bool cancelled = false;
    reactor::Nursery nursery(loop);
    nursery.start([](Datagrams& of, bool& out) -> Task<> { out = !co_await of.receive(); }(
                                                   *datagrams, cancelled));
    datagrams.reset();
    loop.run();
    CHECK(cancelled);
  }
}
