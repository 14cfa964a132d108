// A callback whose captures own its own handle was destroyed with that handle while the engine
// still used it: when the callback replaced itself, and when the watchdog destroyed the handle.
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <utility>

#include "reactor/stream.hpp"
#include "reactor/timer.hpp"
#include "support/peer.hpp"
#include "support/run_until.hpp"

using namespace std::chrono_literals;
using reactor::Loop;
using reactor::Stream;
using reactor::Timer;

TEST_SUITE("self_owning_callback") {
  TEST_CASE("a stream that its own callback owns ends with that callback") {
    Loop loop;
    auto sockets = connected_sockets(Transport::tcp4);
    Peer peer(loop, std::move(sockets[1]));
    {
      auto stream = std::make_shared<Stream>(loop, std::move(sockets[0]));
      stream->on_data([stream](Stream::Bytes) {
        stream->write("bye");
        stream->on_data(nullptr);
      });
    }
    peer.send("x");
    run_until(loop, [&] { return peer.over(); });
    CHECK(peer.received() == "bye");
  }

  TEST_CASE("the captures of a replaced callback may set a callback in their destructor") {
    Loop loop;
    auto sockets = connected_sockets(Transport::tcp4);
    Peer peer(loop, std::move(sockets[1]));
    Stream stream(loop, std::move(sockets[0]));
    struct AtEnd {
      Stream& stream;
      explicit AtEnd(Stream& of) : stream(of) {}
      AtEnd(AtEnd&&) = delete;
      ~AtEnd() {
        stream.on_data([&of = stream](Stream::Bytes bytes) { of.write(bytes); });
      }
    };
    stream.on_data([&stream, at_end = std::make_unique<AtEnd>(stream)](Stream::Bytes) {
      stream.on_data([](Stream::Bytes) {});
    });
    peer.send("x");
    for (int i = 0; i < 3; ++i) loop.poll();
    peer.send("echo");
    run_until(loop, [&] { return peer.received() == "echo"; });
  }

  TEST_CASE("the watchdog may destroy the handle of a slow callback") {
    Loop loop;
    std::unique_ptr<Timer> timer;
    loop.watch_slow_callbacks(1ns, [&](auto&&...) { timer.reset(); });
    timer = std::make_unique<Timer>(Timer::every(loop, 1us, [] {}));
    run_until(loop, [&] { return !timer; });
  }
}
