#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "reactor/datagram.hpp"
#include "support/inbox.hpp"
#include "support/loop_modes.hpp"
#include "support/platform.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"
#include "support/timeout_scale.hpp"

using namespace reactor;
using namespace std::chrono_literals;
using Batch = std::span<const Datagram>;

TEST_SUITE("datagram") {
  // A unix receiver takes a few datagrams and then none until it reads: the only kernel queue that
  // a test can fill as it likes.
  TEST_CASE(
      "datagrams that the kernel has no room for are queued, up to the limit, by the policy") {
    Loop loop;
    for (WhenFull when_full : {WhenFull::refuse, WhenFull::drop_newest, WhenFull::drop_oldest}) {
      for (bool connected : {true, false}) {
        CAPTURE(static_cast<int>(when_full));
        CAPTURE(connected);
        Inbox server(loop, abstract_name());
        server.socket.pause();
        DatagramOptions options;
        options.when_full = when_full;
        options.max_queued_bytes = 10'000;
        DatagramSocket client =
            connected ? ok(DatagramSocket::connect(loop, server.socket.address(), options))
                      : ok(DatagramSocket::bind(loop, abstract_name(), options));
        int drained = 0;
        client.on_drained([&] { ++drained; });
        std::vector<std::string> taken;
        std::size_t sent = 0, queued = 0, full = 0, dropped = 0;
        for (const std::string& text : numbered(3000, 10)) {
          const WriteStatus result =
              connected ? client.send(text) : client.send(server.socket.address(), text);
          if (result == WriteStatus::sent || result == WriteStatus::queued) taken.push_back(text);
          sent += result == WriteStatus::sent;
          queued += result == WriteStatus::queued;
          full += result == WriteStatus::refused;
          dropped += result == WriteStatus::dropped;
        }
        CHECK(sent > 0);
        CHECK(queued > 10);
        CHECK(client.queued_bytes() > 0);
        CHECK(client.queued_bytes() <= options.max_queued_bytes);
        CHECK(client.counters().sent == sent);
        if (when_full == WhenFull::refuse) {
          CHECK(full > 0);
          CHECK(client.counters().dropped == 0);
        } else {
          CHECK(full == 0);
          CHECK(client.counters().dropped > 0);
          CHECK((dropped > 0) == (when_full == WhenFull::drop_newest));
        }
        const std::size_t lost_later =
            when_full == WhenFull::drop_oldest ? client.counters().dropped : 0;
        taken.erase(taken.begin() + static_cast<std::ptrdiff_t>(sent),
                    taken.begin() + static_cast<std::ptrdiff_t>(sent + lost_later));
        server.socket.resume();
        run_until(loop, [&] { return server.messages.size() == taken.size(); });
        CHECK(server.texts() == taken);
        CHECK(client.queued_bytes() == 0);
        CHECK(drained == (when_full == WhenFull::refuse ? 1 : 0));
      }
    }
  }

  TEST_CASE("a socket does not poll for room if the kernel notifies it of room") {
    Loop loop;
    Inbox server(loop, abstract_name());
    server.socket.pause();
    DatagramSocket client = ok(DatagramSocket::connect(loop, server.socket.address()));
    while (client.send("x") == WriteStatus::sent) continue;
    REQUIRE(client.queued_bytes() > 0);
    bool over = false;
    const auto later = Timer::after(loop, 200ms, [&] { over = true; });
    const reactor::IterationStatistics& statistics = loop.measure_iterations();
    run_until(loop, [&] { return over; });
    CHECK(statistics.iterations <= 5U * static_cast<unsigned>(timeout_scale()));
  }

  TEST_CASE("a unix receiver that does not read delays only the datagrams for it") {
    for (const WhenFull when_full :
         {WhenFull::refuse, WhenFull::drop_newest, WhenFull::drop_oldest}) {
      for (const bool in_callback : {true, false}) {
        CAPTURE(static_cast<int>(when_full));
        CAPTURE(in_callback);
        Loop loop;
        Inbox stuck(loop, abstract_name()), also_stuck(loop, abstract_name());
        Inbox good(loop, abstract_name());
        stuck.socket.pause();
        also_stuck.socket.pause();
        DatagramOptions options;
        options.when_full = when_full;
        options.max_queued_bytes = 64 * 1024;
        Inbox sender(loop, abstract_name(), options);
        int drained = 0;
        sender.socket.on_drained([&] { ++drained; });
        const auto texts = numbered(400, 20);
        std::size_t next = 0;
        const auto send = [&] {
          for (const std::string& text : texts) {
            sender.socket.send(stuck.socket.address(), text);
            sender.socket.send(also_stuck.socket.address(), text);
          }
          // More datagrams than the kernel takes before the receiver reads.
          for (int i = 0; i < 40; ++i) sender.socket.send(good.socket.address(), texts[next++]);
        };
        for (int i = 0; i < 10; ++i) {
          if (in_callback) {
            loop.post(send);
          } else {
            send();
          }
          const std::size_t sent = (static_cast<std::size_t>(i) + 1) * 40;
          run_until(loop, [&] { return good.messages.size() == sent; });
          CHECK(sender.socket.queued_bytes() <= options.max_queued_bytes);
        }
        CHECK(good.texts() == texts);
        CHECK(sender.socket.queued_bytes() > 0);
        CHECK(drained == 0);

        // Each receiver then gets the queued datagrams, in order.
        stuck.socket.resume();
        also_stuck.socket.resume();
        run_until(loop, [&] { return sender.socket.queued_bytes() == 0; });
        const auto& counters = sender.socket.counters();
        run_until(loop, [&] {
          return stuck.messages.size() + also_stuck.messages.size() + texts.size() == counters.sent;
        });
        for (const Inbox* const inbox : {&stuck, &also_stuck}) {
          CHECK(inbox->messages.size() > 10);
          std::size_t at = 0;  // Each text is sent ten times.
          for (const std::string& text : inbox->texts()) {
            while (at < 10 * texts.size() && texts[at % texts.size()] != text) ++at;
            ++at;
          }
          CHECK(at <= 10 * texts.size());
        }
        if (in_callback || when_full != WhenFull::refuse) CHECK(counters.dropped > 0);
        CHECK(counters.failed == 0);
        CHECK((drained > 0) == (when_full == WhenFull::refuse));
        CHECK(sender.errors.empty());
      }
    }
  }

  TEST_CASE("the datagrams queued for a unix receiver are dropped when it ends, and no others") {
    Loop loop;
    std::optional<Inbox> stuck(std::in_place, loop, abstract_name());
    stuck->socket.pause();
    Inbox good(loop, abstract_name());
    Inbox sender(loop, abstract_name());
    for (int i = 0; i < 1000; ++i) sender.socket.send(stuck->socket.address(), "x");
    CHECK(sender.socket.queued_bytes() > 0);
    stuck.reset();
    sender.socket.send(good.socket.address(), "still here");
    run_until(loop, [&] { return sender.socket.queued_bytes() == 0; });
    run_until(loop, [&] { return !good.messages.empty() && !sender.errors.empty(); });
    CHECK(sender.socket.counters().failed + sender.socket.counters().sent == 1001);
    CHECK(good.texts() == std::vector<std::string>{"still here"});
  }

  TEST_CASE_TEMPLATE(
      "drain() discards the datagrams for a unix receiver that does not read, and run() returns",
      LoopMode, Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    for (const bool connected : {true, false}) {
      CAPTURE(connected);
      Inbox stuck(loop, abstract_name()), good(loop, abstract_name());
      stuck.socket.pause();
      Inbox sender(connected ? ok(DatagramSocket::connect(loop, stuck.socket.address()))
                             : ok(DatagramSocket::bind(loop, abstract_name())));
      constexpr unsigned sent = 1000;
      for (unsigned i = 0; i < sent; ++i) {
        connected ? sender.socket.send("x") : sender.socket.send(stuck.socket.address(), "x");
      }
      if (!connected) {
        for (int i = 0; i < 100; ++i) sender.socket.send(good.socket.address(), "y");
        run_until(loop, [&] { return good.messages.size() == 100; });
      }
      good.socket.pause();
      const std::uint64_t taken = sender.socket.counters().sent - good.messages.size();
      REQUIRE(taken < sent);
      sender.socket.drain(20ms);
      loop.run();
      CHECK(sender.socket.queued_bytes() == 0);
      CHECK(sender.socket.counters().dropped == sent - taken);
      CHECK(sender.errors == std::vector<std::string>{"send " + stuck.socket.address().to_string() +
                                                      ": connection timed out"});
      // A datagram that is sent later has the same timeout.
      CHECK((connected ? sender.socket.send("x")
                       : sender.socket.send(stuck.socket.address(), "x")) == WriteStatus::queued);
      loop.run();
      CHECK(sender.socket.counters().dropped == sent - taken + 1);
      CHECK(sender.errors.size() == 2);
    }
  }

  TEST_CASE("a drain() that makes progress is not cut off, and loses nothing") {
    Loop loop;
    Inbox slow(loop, abstract_name());
    slow.socket.pause();
    Inbox sender(loop, abstract_name());
    const auto texts = numbered(60, 20);
    for (const std::string& text : texts) sender.socket.send(slow.socket.address(), text);
    // Reads one batch each time: as many datagrams as the kernel holds for a receiver.
    slow.socket.on_received([&](Batch batch) {
      for (const Datagram& datagram : batch) {
        slow.messages.push_back({std::string(datagram.text()), datagram.sender, false});
      }
      slow.socket.pause();
    });
    const auto reads = Timer::every(loop, 100ms, [&] { slow.socket.resume(); });
    const auto began = Loop::Clock::now();
    constexpr auto timeout = 300ms;
    sender.socket.drain(timeout);
    run_until(loop, [&] { return slow.messages.size() == texts.size(); });
    CHECK(slow.texts() == texts);
    CHECK(sender.socket.counters().dropped == 0);
    if (Loop::Clock::now() - began <= timeout) MESSAGE("skipped: the receiver was not slow");
  }

  TEST_CASE("on_drained follows `full` also if drain() frees the queue") {
    Loop loop;
    Inbox stuck(loop, abstract_name());
    stuck.socket.pause();
    DatagramOptions options;
    options.max_queued_bytes = 10'000;
    Inbox sender(loop, abstract_name(), options);
    while (sender.socket.send(stuck.socket.address(), "x") != WriteStatus::refused) {
    }
    int drained = 0;
    sender.socket.on_drained([&] { ++drained; });
    sender.socket.drain(1ms);
    loop.run();
    CHECK(drained == 1);

    // The callback may send more, or destroy the socket.
    std::optional<DatagramSocket> ended = ok(DatagramSocket::bind(loop, abstract_name(), options));
    while (ended->send(stuck.socket.address(), "x") != WriteStatus::refused) {
    }
    ended->on_drained([&] { ended.reset(); });
    ended->drain(1ms);
    loop.run();
    CHECK_FALSE(ended);
  }

  TEST_CASE("a drain() of max() waits for a receiver for ever") {
    Loop loop;
    Inbox stuck(loop, abstract_name());
    stuck.socket.pause();
    Inbox sender(loop, abstract_name());
    for (int i = 0; i < 100; ++i) sender.socket.send(stuck.socket.address(), "x");
    sender.socket.drain(reactor::Duration::max());
    for (int i = 0; i < 100; ++i) loop.poll();
    CHECK(sender.socket.counters().dropped == 0);
    stuck.socket.resume();
    run_until(loop, [&] { return stuck.messages.size() == 100; });
  }

  TEST_CASE("a datagram that was `sent` in a callback is counted if the queue was full") {
    for (const WhenFull when_full :
         {WhenFull::refuse, WhenFull::drop_newest, WhenFull::drop_oldest}) {
      for (const bool connected : {true, false}) {
        CAPTURE(static_cast<int>(when_full));
        CAPTURE(connected);
        Loop loop;
        Inbox server(loop, abstract_name());
        server.socket.pause();
        DatagramOptions options;
        options.when_full = when_full;
        options.max_queued_bytes = 10'000;
        DatagramSocket client =
            connected ? ok(DatagramSocket::connect(loop, server.socket.address(), options))
                      : ok(DatagramSocket::bind(loop, abstract_name(), options));
        // More datagrams than are gathered for one system call.
        const auto texts = numbered(3000, 10);
        std::uint64_t sent = 0, refused = 0;
        bool done = false;
        loop.post([&] {
          for (const std::string& text : texts) {
            const WriteStatus result =
                connected ? client.send(text) : client.send(server.socket.address(), text);
            sent += result == WriteStatus::sent || result == WriteStatus::queued;
            refused += result == WriteStatus::refused;
          }
          done = true;
        });
        run_until(loop, [&] { return done; });
        const auto& counters = client.counters();
        CHECK(sent >= 1024);
        CHECK(counters.dropped > 900);
        server.socket.resume();
        run_until(loop, [&] { return client.queued_bytes() == 0; });
        CHECK(counters.sent + counters.dropped + refused == texts.size());
        CHECK(counters.failed == 0);
        run_until(loop, [&] { return server.messages.size() == counters.sent; });
        // The datagrams that arrive are in order, whichever they are.
        int last = -1;
        for (const std::string& text : server.texts()) {
          CHECK(std::stoi(text) > last);
          last = std::stoi(text);
        }
      }
    }
  }

  TEST_CASE("datagrams that the kernel drops for lack of buffer space are counted") {
    Loop loop;
    Inbox server(loop, address("127.0.0.1:0"));
    ok(server.socket.socket().set(option::receive_buffer, 4096));
    DatagramSocket client = ok(DatagramSocket::connect(loop, server.socket.address()));
    CHECK(server.socket.dropped_by_kernel() == 0);
    for (const std::string& text : numbered(100, 1000)) client.send(text);
    run_until(loop, [&] { return !server.messages.empty(); });
    if (on_portable_platform()) {
      MESSAGE("skipped: the portable platform does not report what the kernel drops");
      return;
    }
    CHECK(server.socket.dropped_by_kernel() == 100 - server.messages.size());
  }
}
