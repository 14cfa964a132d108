#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "reactor/datagram.hpp"
#include "support/inbox.hpp"
#include "support/platform.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"

using namespace reactor;
using Batch = std::span<const Datagram>;

TEST_SUITE("datagram") {
  TEST_CASE("a refused datagram is reported as an error and does not close the socket") {
    Loop loop;
    // Not 127.0.0.1: there the kernel sometimes gives the client the port that was just freed.
    std::optional<Inbox> server(std::in_place, loop, address("127.0.0.2:0"));
    const Address at = server->socket.address();
    server.reset();

    Inbox client(ok(DatagramSocket::connect(loop, at)));
    client.socket.send("anybody?");
    run_until(loop, [&] { return !client.errors.empty(); });
    CHECK(client.errors[0].find("connection refused") != std::string::npos);

    server.emplace(loop, at);
    client.socket.send("now?");
    run_until(loop, [&] { return !server->messages.empty(); });
    CHECK(server->texts() == std::vector<std::string>{"now?"});
    CHECK(client.errors.size() == 1);
  }

  TEST_CASE("the ICMP error of an earlier datagram does not suppress the next datagram") {
    Loop loop;
    // Not 127.0.0.1: there the kernel sometimes gives the client the port that was just freed.
    std::optional<Inbox> server(std::in_place, loop, address("127.0.0.2:0"));
    const Address at = server->socket.address();
    server.reset();
    DatagramSocket client = ok(DatagramSocket::connect(loop, at));
    client.send("lost");
    server.emplace(loop, at);
    CHECK(client.send("found") == WriteStatus::sent);
    run_until(loop, [&] { return !server->messages.empty(); });
    CHECK(server->texts() == std::vector<std::string>{"found"});
  }

  TEST_CASE(
      "with icmp_errors, a socket that is not connected reports which peer a datagram did not "
      "reach") {
    if (on_portable_platform()) {
      MESSAGE("skipped: the portable platform has no error queue");
      return;
    }
    Loop loop;
    const struct {
      const char* local;
      const char* peers;
    } places[] = {
        {"127.0.0.1:0", "127.0.0.1:0"}, {"[::1]:0", "[::1]:0"}, {"[::]:0", "127.0.0.1:0"}};
    for (const auto& place : places) {
      for (const bool receives : {true, false}) {
        CAPTURE(place.local);
        CAPTURE(receives);
        Inbox alive(loop, address(place.peers));
        DatagramOptions options;
        options.icmp_errors = true;
        Inbox client(loop, address(place.local), options);
        const std::array gone = {Inbox(loop, address(place.peers)).socket.address(),
                                 Inbox(loop, address(place.peers)).socket.address()};
        if (!receives) client.socket.on_received(nullptr);
        const auto texts = numbered(100, 20);
        loop.post([&] {
          for (const std::string& text : texts) {
            for (const Address& at : gone) client.socket.send(at, text);
            client.socket.send(alive.socket.address(), text);
          }
        });
        const auto was_reported = [&](const Address& at) {
          const std::string error = "send " + at.to_string() + ": connection refused";
          return std::count(client.errors.begin(), client.errors.end(), error) > 0;
        };
        run_until(loop, [&] {
          return was_reported(gone[0]) && was_reported(gone[1]) &&
                 alive.messages.size() == texts.size();
        });
        CHECK(alive.texts() == texts);
        CHECK(client.socket.counters().failed == 0);
        CHECK(client.socket.counters().sent == 3 * texts.size());
        for (const std::string& error : client.errors) {
          CHECK(error.find(alive.socket.address().to_string()) == std::string::npos);
        }
        // The loop has nothing to do: a reported error is not reported again and again.
        for (int i = 0; i < 100; ++i) loop.poll();
        const std::size_t errors = client.errors.size();
        for (int i = 0; i < 100; ++i) loop.poll();
        CHECK(client.errors.size() == errors);
      }
    }
  }

  TEST_CASE("an iteration reports each error once, and at most sixteen errors") {
    Loop loop;
    Inbox client(loop, address("127.0.0.1:0"));
    const std::string too_long(70'000, 'x');
    for (int port = 1; port <= 100; ++port) {
      const Address to = address("127.0.0.1:" + std::to_string(port));
      for (int i = 0; i < 2; ++i) CHECK(client.socket.send(to, too_long) == WriteStatus::dropped);
    }
    loop.poll();
    CHECK(client.errors.size() == 16);
    CHECK(std::set(client.errors.begin(), client.errors.end()).size() == 16);
    CHECK(client.socket.counters().failed == 200);
  }

  TEST_CASE("a server survives a client that no longer exists when the reply is sent") {
    Loop loop;
    DatagramSocket server = ok(DatagramSocket::bind(loop, "127.0.0.1:0"));
    echo(server);
    std::optional<Inbox> hasty(std::in_place, loop, address("127.0.0.1:0"));
    hasty->socket.send(server.address(), "bye");
    hasty.reset();
    Inbox client(loop, address("127.0.0.1:0"));
    client.socket.send(server.address(), "hello");
    run_until(loop, [&] { return !client.messages.empty(); });
    CHECK(server.counters().received == 2);
  }
}
