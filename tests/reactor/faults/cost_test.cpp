// The cost of a message in the steady state, counted: system calls and allocations.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "faulty_platform.hpp"
#include "reactor/engine.hpp"
#include "reactor/idle_timeout.hpp"
#include "reactor/stream.hpp"
#include "support/allocations.hpp"
#include "support/loop_modes.hpp"
#include "support/peer.hpp"
#include "support/run_until.hpp"

using namespace std::chrono_literals;
using reactor::Loop;
using reactor::Stream;
using Bytes = std::span<const std::byte>;

namespace {

struct Cost {
  std::uint64_t recv, send, registrations;
  std::size_t allocations;
};

// The cost of `rounds` calls of `round`, after a few that warm up.
template <class Round>
Cost cost_of(int rounds, Round round) {
  for (int i = 0; i < 10; ++i) round();
  faulty::inject(0, {});
  const std::size_t allocated = allocations::count();
  for (int i = 0; i < rounds; ++i) round();
  const faulty::Calls calls = faulty::calls();
  return {calls.recv, calls.send, calls.registrations, allocations::count() - allocated};
}

}  // namespace

TEST_SUITE("cost") {
  TEST_CASE_TEMPLATE(
      "sixteen messages of one read, each with its own reply, cost one read, one send, no "
      "registration and no allocation",
      LoopMode, Standalone, Embedded) {
    constexpr std::size_t message_bytes = 64, messages = 16;
    constexpr int rounds = 500;
    LoopMode mode;
    Loop& loop = mode.loop;
    auto sockets = connected_sockets(Transport::tcp4);
    Stream stream(loop, std::move(sockets[0]));
    reactor::IdleTimeout idle(loop, 1h, [] {});
    stream.on_data([&](Bytes bytes) {
      idle.touch();
      while (!bytes.empty()) {
        stream.write(bytes.first(message_bytes));
        bytes = bytes.subspan(message_bytes);
      }
    });
    std::array<char, message_bytes * messages> buffer{};
    const int client = sockets[1].fd();
    bool whole = true;
    const Cost cost = cost_of(rounds, [&] {
      whole = whole && send(client, buffer.data(), buffer.size(), 0) == ssize_t{buffer.size()};
      ssize_t received;
      do {
        loop.run_once();
        received = recv(client, buffer.data(), buffer.size(), 0);
      } while (received < 0);
      whole = whole && received == ssize_t{buffer.size()};
    });
    CHECK(whole);
    CHECK(cost.recv == rounds);
    CHECK(cost.send == rounds);
    CHECK((cost.registrations == 0 || !loop.engine().has_edge_trigger()));
    CHECK(cost.allocations == 0);
  }

  TEST_CASE_TEMPLATE(
      "a large write is sent together with the output gathered before it, in one send", LoopMode,
      Standalone, Embedded) {
    constexpr int rounds = 100;
    LoopMode mode;
    Loop& loop = mode.loop;
    auto sockets = connected_sockets(Transport::tcp4);
    Stream stream(loop, std::move(sockets[0]));
    Peer peer(loop, std::move(sockets[1]));
    peer.keep(false);
    stream.on_data([&](Bytes) {
      stream.write("header");
      stream.write(Pattern::at(0, 10'000));
      stream.write("trailer");
    });
    std::uint64_t expected = 0;
    const Cost cost = cost_of(rounds, [&] {
      peer.send("x");
      expected += 6 + 10'000 + 7;
      while (peer.received_bytes() < expected) loop.run_once();
    });
    CHECK(cost.send == 2 * rounds);
    CHECK((cost.registrations == 0 || !loop.engine().has_edge_trigger()));
    CHECK(cost.allocations == 0);
  }

  TEST_CASE_TEMPLATE("a posted task allocates nothing in the steady state", LoopMode, Standalone,
                     Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    std::array<std::uint64_t, 5> captured{};
    std::uint64_t sum = 0;
    const Cost cost = cost_of(100, [&] {
      for (int i = 0; i < 100; ++i) {
        loop.post([captured, &sum] { sum += captured[0] + 1; });
      }
      loop.poll();
    });
    CHECK(sum == 110 * 100);
    CHECK(cost.allocations == 0);
  }

  TEST_CASE_TEMPLATE("pausing and resuming a stream costs no registration with edge triggers",
                     LoopMode, Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    auto sockets = connected_sockets(Transport::tcp4);
    Stream stream(loop, std::move(sockets[0]));
    Peer peer(loop, std::move(sockets[1]));
    stream.on_data([&](Bytes) {});
    const Cost cost = cost_of(100, [&] {
      stream.pause();
      peer.send("x");
      loop.poll();
      stream.resume();
      loop.poll();
    });
    CHECK((cost.registrations == 0 || !loop.engine().has_edge_trigger()));
    CHECK(cost.recv == 100);
  }

  TEST_CASE_TEMPLATE(
      "an event of a descriptor that was closed and reused in the same batch reaches no stream",
      LoopMode, Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    auto first = connected_sockets(Transport::tcp4), second = connected_sockets(Transport::tcp4);
    auto spare = connected_sockets(Transport::tcp4);
    const std::array fds = {first[0].fd(), second[0].fd()};
    std::array<std::optional<Stream>, 2> streams;
    std::optional<Stream> fresh;
    int reused = -1;
    std::uint64_t recv_calls_before = 0;
    const auto on_data = [&](std::size_t other) {
      return [&, other](Bytes) {
        if (fresh) return;
        streams[other].reset();
        reused = fcntl(spare[0].fd(), F_DUPFD_CLOEXEC, fds[other]);  // That number is free now.
        recv_calls_before = faulty::recv_calls(reused);
        fresh.emplace(loop, reactor::Socket::own(reused));
        fresh->on_data([](Bytes) {});
      };
    };
    streams[0].emplace(loop, std::move(first[0]));
    streams[1].emplace(loop, std::move(second[0]));
    streams[0]->on_data(on_data(1));
    streams[1]->on_data(on_data(0));
    for (auto* pair : {&first, &second}) REQUIRE(send((*pair)[1].fd(), "x", 1, 0) == 1);
    loop.run_once();
    REQUIRE((reused == fds[0] || reused == fds[1]));  // The other event arrived in the same batch.
    for (int i = 0; i < 3; ++i) loop.poll();
    CHECK(faulty::recv_calls(reused) == recv_calls_before);
  }
}
