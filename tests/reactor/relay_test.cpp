#include "reactor/relay.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "reactor/server.hpp"
#include "reactor/timer.hpp"
#include "support/peer.hpp"
#include "support/run_until.hpp"

using namespace std::chrono_literals;
using reactor::Error;
using reactor::Loop;
using reactor::Relay;
using reactor::Socket;
using reactor::Stream;
using reactor::Timer;

namespace {

// left <-> [first = Relay = second] <-> right
struct Joined {
  explicit Joined(Loop& loop) {
    auto near = reactor::socket_pair();
    auto far = reactor::socket_pair();
    REQUIRE((near && far));
    left.emplace(loop, std::move((*near)[0]));
    right.emplace(loop, std::move((*far)[0]));
    left->on_data([this](Stream::Bytes bytes) { left_received += bytes.size(); });
    right->on_data([this](Stream::Bytes bytes) { right_received += bytes.size(); });
    left->on_end([this] { left_ended = true; });
    right->on_end([this] { right_ended = true; });
    relay.emplace(Stream(loop, std::move((*near)[1])), Stream(loop, std::move((*far)[1])),
                  [this](const Error& error) {
                    closed = error;
                    relay.reset();
                  });
  }
  std::optional<Stream> left, right;
  std::size_t left_received = 0, right_received = 0;
  bool left_ended = false, right_ended = false;
  std::optional<Relay> relay;
  std::optional<Error> closed;
};

}  // namespace

TEST_SUITE("relay") {
  TEST_CASE("bytes pass in both directions, and each direction ends by itself") {
    Loop loop;
    Joined joined(loop);
    joined.left->write("question");
    joined.left->shutdown();
    run_until(loop, [&] { return joined.right_received == 8 && joined.right_ended; });
    CHECK_FALSE(joined.closed);
    joined.right->write("the answer");
    joined.right->shutdown();
    run_until(loop, [&] { return joined.left_received == 10 && joined.left_ended; });
    run_until(loop, [&] { return joined.closed.has_value(); });
    CHECK_FALSE(*joined.closed);
  }

  TEST_CASE(
      "a side that does not read stops the reading from the other side, and nothing is lost") {
    Loop loop;
    Joined joined(loop);
    const std::size_t total = 40 * 1024 * 1024;
    joined.right->pause();
    joined.left->set_limits({.max_queued_bytes = total});
    joined.left->write(std::string(total, 'x'));
    // Until no bytes move any more.
    std::size_t before = total + 1;
    while (before != std::exchange(before, joined.left->queued_bytes())) {
      for (int i = 0; i < 20; ++i) loop.poll();
    }
    CHECK(joined.left->queued_bytes() > total - 3 * 1024 * 1024);
    joined.right->resume();
    run_until(loop, [&] { return joined.right_received == total; });
  }

  TEST_CASE("each direction has its own flow control: a stopped one does not affect the other") {
    Loop loop;
    Joined joined(loop);
    const std::size_t total = 8 * 1024 * 1024;
    joined.right->pause();
    joined.left->write(std::string(total, 'x'));
    for (int i = 0; i < 50; ++i) loop.poll();
    CHECK(joined.left->queued_bytes() > 0);
    joined.right->write(std::string(total, 'y'));
    run_until(loop, [&] { return joined.left_received == total; });
    CHECK(joined.left->queued_bytes() > 0);
  }

  // left (a Peer) <-> [first = Relay = second] <-> right (a Peer), over TCP, which has resets.
  struct RelayedPeers {
    explicit RelayedPeers(Loop& loop) : RelayedPeers(loop, connected(), connected()) {}
    RelayedPeers(Loop& loop, std::array<Socket, 2> near, std::array<Socket, 2> far)
        : left(loop, std::move(near[0])),
          right(loop, std::move(far[0])),
          relay(std::in_place, Stream(loop, std::move(near[1])), Stream(loop, std::move(far[1])),
                [this](const Error& error) { closed = error; }) {}
    static std::array<Socket, 2> connected() { return connected_sockets(Transport::tcp4); }
    Peer left, right;
    std::optional<Relay> relay;
    std::optional<Error> closed;
  };

  TEST_CASE("a reset is forwarded in both directions") {
    for (const bool from_left : {true, false}) {
      CAPTURE(from_left);
      Loop loop;
      RelayedPeers on(loop);
      Peer& from = from_left ? on.left : on.right;
      Peer& to = from_left ? on.right : on.left;
      from.send("half of an answ");
      run_until(loop, [&] { return to.received() == "half of an answ"; });
      from.reset();
      run_until(loop, [&] { return to.over() && on.closed; });
      CHECK(to.error() == ECONNRESET);
      CHECK(on.closed->code == std::errc::connection_reset);
    }
  }

  TEST_CASE(
      "a reset ends the other side, also while that side sends and the relay does not read it") {
    Loop loop;
    RelayedPeers on(loop);
    on.left.hold();
    // The right side sends until the relay, whose left side is full, reads no more of it.
    std::size_t sent = 0, before = 1;
    while (sent != std::exchange(before, sent)) {
      for (int i = 0; i < 20; ++i) {
        sent += on.right.send_some(Pattern::at(0));
        loop.poll();
      }
    }
    on.left.reset();
    run_until(loop, [&] { return on.closed.has_value(); });
    run_until(loop, [&] { return on.right.over(); });
    CHECK(on.right.error() == ECONNRESET);
  }

  TEST_CASE("a relay that is destroyed before both ends were forwarded resets both sides") {
    for (const bool left_ended : {false, true}) {
      CAPTURE(left_ended);
      Loop loop;
      RelayedPeers on(loop);
      on.left.send("all of it");
      if (left_ended) {
        on.left.finish();
        run_until(loop, [&] { return on.right.ended(); });
      }
      run_until(loop, [&] { return on.right.received() == "all of it"; });
      on.relay.reset();
      run_until(loop, [&] { return on.left.over() && on.right.over(); });
      CHECK(on.left.error() == ECONNRESET);
      CHECK(on.right.ended() == left_ended);
    }
  }

  TEST_CASE("an error of a unix socket ends the other side, and on_close gets the reason") {
    Loop loop;
    Joined joined(loop);
    joined.left->write("last words");
    run_until(loop, [&] { return joined.right_received == 10; });
    joined.right->write("never read");
    joined.left.reset();  // A unix socket with unread data resets its peer.
    run_until(loop, [&] { return joined.closed.has_value(); });
    CHECK(*joined.closed);
  }

  // ---- Idle

  TEST_CASE("an idle relay resets both sides, also if one of them has ended") {
    for (const bool half_open : {false, true}) {
      CAPTURE(half_open);
      Loop loop;
      auto near = connected_sockets(Transport::tcp4), far = connected_sockets(Transport::tcp4);
      Peer left(loop, std::move(near[0])), right(loop, std::move(far[0]));
      std::optional<Error> closed;
      Relay relay(Stream(loop, std::move(near[1])), Stream(loop, std::move(far[1])),
                  [&](const Error& error) { closed = error; });
      relay.set_idle_timeout(loop, 40ms);
      const auto began = Loop::Clock::now();
      left.send("x");
      if (half_open) left.finish();
      run_until(loop, [&] { return left.over() && right.over() && closed; });
      CHECK(Loop::Clock::now() - began >= 40ms);
      CHECK(right.received() == "x");
      CHECK(left.error() == ECONNRESET);
      CHECK(right.ended() == half_open);  // After an end, the peer does not read the reset.
      CHECK((right.error() == ECONNRESET || right.socket().take_error()));
      CHECK(closed->code == reactor::idle_too_long());
    }
  }

  TEST_CASE("bytes in either direction keep a relay alive, and so does a side that reads slowly") {
    enum class Way { forth, back, slow_reader };
    for (const Way way : {Way::forth, Way::back, Way::slow_reader}) {
      Loop loop;
      auto near = connected_sockets(Transport::tcp4), far = connected_sockets(Transport::tcp4);
      Peer left(loop, std::move(near[0])), right(loop, std::move(far[0]));
      Relay relay(Stream(loop, std::move(near[1])), Stream(loop, std::move(far[1])), nullptr);
      if (way == Way::slow_reader) {
        right.hold();
        while (left.send_some(Pattern::at(0)) > 0) loop.poll();
      }
      relay.set_idle_timeout(loop, 100ms);
      int steps = 0;
      const auto step = Timer::every(loop, 10ms, [&] {
        ++steps;
        if (way == Way::forth) left.send("x");
        if (way == Way::back) right.send("x");
        char some[64 * 1024];
        if (way == Way::slow_reader) (void)::recv(right.socket().fd(), some, sizeof some, 0);
      });
      run_until(loop, [&] { return steps >= 40; });
      CHECK_FALSE(left.over());
      CHECK_FALSE(right.over());
    }
  }

  TEST_CASE("a relay whose sides both send and do not read is idle") {
    Loop loop;
    auto near = connected_sockets(Transport::tcp4), far = connected_sockets(Transport::tcp4);
    Peer left(loop, std::move(near[0])), right(loop, std::move(far[0]));
    std::optional<Error> closed;
    Relay relay(Stream(loop, std::move(near[1])), Stream(loop, std::move(far[1])),
                [&](const Error& error) { closed = error; });
    relay.set_idle_timeout(loop, 30ms);
    left.hold();
    right.hold();
    while (left.send_some(Pattern::at(0)) + right.send_some(Pattern::at(0)) > 0) loop.poll();
    run_until(loop, [&] { return closed.has_value(); });
    CHECK(closed->code == reactor::idle_too_long());
  }
}
