#include "reactor/relay.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>

#include "support/run_until.hpp"

using reactor::Error;
using reactor::Loop;
using reactor::Relay;
using reactor::Stream;

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

  TEST_CASE("a side that does not read holds up the other, and nothing is lost") {
    Loop loop;
    Joined joined(loop);
    const std::size_t total = 40 * 1024 * 1024;
    joined.right->pause();
    joined.left->set_limits({.max_queued_bytes = total});
    joined.left->write(std::string(total, 'x'));
    for (int i = 0; i < 100; ++i) loop.poll();
    CHECK(joined.left->queued_bytes() > total / 2);
    joined.right->resume();
    run_until(loop, [&] { return joined.right_received == total; });
  }

  TEST_CASE("a side that fails ends the other, and the reason is told") {
    Loop loop;
    Joined joined(loop);
    joined.left->write("last words");
    run_until(loop, [&] { return joined.right_received == 10; });
    joined.right->write("never read");
    joined.left.reset();  // A unix socket with unread data resets its peer.
    run_until(loop, [&] { return joined.right_ended; });
    joined.right.reset();
    run_until(loop, [&] { return joined.closed.has_value(); });
  }
}
