// Stream::Sender: threads other than the loop's that write to a stream.
#include <doctest/doctest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "reactor/stream.hpp"
#include "support/connection.hpp"
#include "support/loop_modes.hpp"
#include "support/peer.hpp"
#include "support/run_until.hpp"

using reactor::Loop;
using reactor::Stream;
using reactor::WriteStatus;

TEST_SUITE("sender") {
  TEST_CASE("a sender reports the status of its bytes, and refuses more than the limit") {
    Loop loop;
    ConnectedStream on(loop);
    on.stream->set_limits({.high_water_bytes = 100, .max_queued_bytes = 200});
    const Stream::Sender sender = on.stream->sender();
    CHECK(sender.write("") == WriteStatus::queued);
    CHECK(sender.write(std::string(100, 'a')) == WriteStatus::queued);
    CHECK(sender.write("b") == WriteStatus::above_high_water);
    CHECK(sender.write(std::string(100, 'c')) == WriteStatus::refused);
    CHECK(sender.write(std::string(99, 'd')) == WriteStatus::above_high_water);
    CHECK(sender.write("e") == WriteStatus::refused);
    run_until(loop, [&] { return on.peer.received().size() == 200; });
    CHECK(on.peer.received() == std::string(100, 'a') + "b" + std::string(99, 'd'));
    CHECK(sender.write(std::string(200, 'f')) == WriteStatus::above_high_water);
    CHECK_FALSE(on.closed);
  }

  TEST_CASE("the bytes that the stream has queued count for the sender too") {
    Loop loop;
    ConnectedStream on(loop, small_buffers);
    const Stream::Sender sender = on.stream->sender();
    on.stream->set_limits({.high_water_bytes = 1000, .max_queued_bytes = 300'000});
    on.queue(200'000);
    sender.write("x");
    for (int i = 0; i < 3; ++i) loop.poll();
    CHECK(sender.write(std::string(150'000, 'x')) == WriteStatus::refused);
    CHECK(sender.write("x") == WriteStatus::above_high_water);
  }

  TEST_CASE("bytes that a sender reported as queued are sent, even if the queue is full by then") {
    Loop loop;
    ConnectedStream on(loop, small_buffers);
    on.stream->set_limits({.max_queued_bytes = 100'000});
    const Stream::Sender sender = on.stream->sender();
    CHECK(sender.write(std::string(100'000, 's')) == WriteStatus::queued);
    on.queue(90'000);
    for (int i = 0; i < 3; ++i) loop.poll();
    CHECK_FALSE(on.closed);
    on.peer.read_on();
    run_until(loop, [&] {
      const std::string& received = on.peer.received();
      return std::count(received.begin(), received.end(), 's') == 100'000;
    });
  }

  TEST_CASE_TEMPLATE(
      "once_drained() calls once, when at most half of the high-water mark is queued", LoopMode,
      Standalone, Embedded) {
    LoopMode mode;
    ConnectedStream on(mode.loop, small_buffers);
    on.stream->set_limits({.high_water_bytes = 100'000});
    const Stream::Sender sender = on.stream->sender();
    int calls = 0;
    sender.once_drained([&] { ++calls; });  // The queue is empty.
    run_until(mode.loop, [&] { return calls == 1; });

    on.peer.hold();
    while (sender.write(std::string(10'000, 'x')) != WriteStatus::above_high_water)
      mode.loop.poll();
    sender.once_drained([&] {
      ++calls;
      CHECK(on.stream->queued_bytes() <= 50'000);
      CHECK(sender.write("x") == WriteStatus::queued);
    });
    for (int i = 0; i < 5; ++i) mode.loop.poll();
    CHECK(calls == 1);
    on.peer.read_on();
    run_until(mode.loop, [&] { return calls == 2; });
    for (int i = 0; i < 5; ++i) mode.loop.poll();
    CHECK(calls == 2);
  }

  TEST_CASE("once_drained() also calls when the stream is closed or destroyed") {
    for (const bool destroy : {false, true}) {
      CAPTURE(destroy);
      Loop loop;
      ConnectedStream on(loop, small_buffers);
      on.stream->set_limits({.high_water_bytes = 10});
      const Stream::Sender sender = on.stream->sender();
      on.queue(200'000);
      sender.write("x");
      for (int i = 0; i < 3; ++i) loop.poll();
      bool called = false;
      sender.once_drained([&] {
        called = true;
        CHECK(sender.write("late") == WriteStatus::closed);
      });
      loop.poll();
      CHECK_FALSE(called);
      destroy ? on.stream.reset() : on.stream->abort();
      run_until(loop, [&] { return called; });
    }
  }

  TEST_CASE("close() and shutdown() send earlier writes of senders, and no later ones") {
    for (const bool close : {false, true}) {
      CAPTURE(close);
      Loop loop;
      ConnectedStream on(loop);
      const Stream::Sender sender = on.stream->sender();
      sender.write("posted ");
      on.stream->write("first ");
      sender.write("before");
      close ? on.stream->close() : on.stream->shutdown();
      CHECK(sender.write("late") == WriteStatus::closed);
      CHECK(on.stream->sender().write("late") == WriteStatus::closed);
      on.until_peer_is_over();
      CHECK(on.peer.received() == "first posted before");
      CHECK(on.peer.ended());
    }
  }

  TEST_CASE("a sender of a closed stream writes nothing") {
    Loop loop;
    ConnectedStream on(loop);
    on.stream->abort();
    CHECK(on.stream->sender().write("late") == WriteStatus::closed);
    on.until_closed();
    CHECK(on.stream->sender().write("late") == WriteStatus::closed);
  }

  TEST_CASE("threads that wait for once_drained() send any amount through a small queue") {
    Loop loop;
    ConnectedStream on(loop, small_buffers);
    on.stream->set_limits({.high_water_bytes = 50'000, .max_queued_bytes = 100'000});
    on.peer.keep(false);
    const Stream::Sender sender = on.stream->sender();
    constexpr int threads = 3, writes = 200;
    std::atomic<int> refused = 0;
    std::vector<std::thread> writers;
    for (int thread = 0; thread < threads; ++thread) {
      writers.emplace_back([&, sender] {
        std::mutex mutex;
        std::condition_variable drained;
        const std::string piece(10'000, 'x');
        for (int i = 0; i < writes; ++i) {
          WriteStatus written;
          while ((written = sender.write(piece)) == WriteStatus::refused ||
                 written == WriteStatus::above_high_water) {
            refused += written == WriteStatus::refused;
            bool may_go_on = false;
            sender.once_drained([&] {
              const std::lock_guard lock(mutex);
              may_go_on = true;
              drained.notify_one();
            });
            std::unique_lock lock(mutex);
            drained.wait(lock, [&] { return may_go_on; });
            if (written == WriteStatus::above_high_water) break;
          }
        }
      });
    }
    run_until(loop, [&] { return on.peer.received_bytes() == 10'000ULL * threads * writes; });
    for (auto& writer : writers) writer.join();
    CHECK(on.stream->queued_bytes() == 0);
    CHECK_FALSE(on.closed);
  }
}
