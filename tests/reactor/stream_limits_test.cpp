// How much a stream keeps for its peer, for how long, and what the peer receives when that ends.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <list>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reactor/stream.hpp"
#include "reactor/timer.hpp"
#include "support/connection.hpp"
#include "support/loop_modes.hpp"
#include "support/peer.hpp"
#include "support/run_until.hpp"
#include "support/temporary_file.hpp"

using namespace std::chrono_literals;
using reactor::Error;
using reactor::File;
using reactor::Loop;
using reactor::SharedLimits;
using reactor::Stream;
using reactor::StreamLimits;
using reactor::Timer;
using reactor::WriteStatus;

namespace {

constexpr std::size_t one_mebibyte = 1024 * 1024;

}  // namespace

TEST_SUITE("stream") {
  // ---- The peer of an incomplete output

  struct Ending {
    const char* name;
    std::function<void(ConnectedStream&)> end;
  };

  TEST_CASE_TEMPLATE(
      "output that is not sent completely ends in a reset for the peer, never in an end", LoopMode,
      Standalone, Embedded) {
    const TemporaryFile short_file("short");
    const std::vector<Ending> endings{
        {"a close timeout", [](ConnectedStream& on) { on.stream->close(20ms); }},
        {"a stall timeout",
         [](ConnectedStream& on) { on.stream->set_limits({.stall_timeout = 20ms}); }},
        {"a full queue",
         [](ConnectedStream& on) {
           on.stream->set_limits({.max_queued_bytes = 1});
           on.stream->write("no room");
         }},
        {"the destructor", [](ConnectedStream& on) { on.stream.reset(); }},
        {"fail() and the destructor",
         [](ConnectedStream& on) {
           on.stream->fail(reactor::system_error(EIO, "read"));
           on.loop.poll();
           on.stream.reset();
         }},
        {"a file that waits, and the destructor",
         [&](ConnectedStream& on) {
           on.stream->write_file(short_file.open(), 0, 5);
           on.stream.reset();
         }},
        {"abort()", [](ConnectedStream& on) { on.stream->abort(); }},
    };
    for (const Ending& ending : endings) {
      CAPTURE(ending.name);
      LoopMode mode;
      ConnectedStream on(mode.loop, small_buffers);
      on.queue(100'000);
      ending.end(on);
      if (on.stream) on.until_closed();
      on.peer.read_on();
      on.until_peer_is_over();
      CHECK(on.peer.error() == ECONNRESET);
      CHECK_FALSE(on.peer.ended());
    }
  }

  TEST_CASE("a file shorter than announced ends in a reset, also if nothing is queued before it") {
    Loop loop;
    ConnectedStream on(loop);
    const TemporaryFile file("five!");
    on.stream->write_file(file.open(), 0, 6);
    on.until_closed();
    CHECK(on.closed->code == std::errc::io_error);
    on.until_peer_is_over();
    CHECK(on.peer.error() == ECONNRESET);
  }

  TEST_CASE("a write that exceeds the limit ends in a reset, also if nothing is queued") {
    Loop loop;
    ConnectedStream on(loop, small_buffers);
    on.peer.hold();
    on.stream->set_limits({.max_queued_bytes = 1000});
    CHECK(on.stream->write(std::string(4 * one_mebibyte, 'x')) == WriteStatus::closed);
    CHECK(on.stream->queued_bytes() == 0);
    on.until_closed();
    on.peer.read_on();
    on.until_peer_is_over();
    CHECK(on.peer.error() == ECONNRESET);
  }

  TEST_CASE("output that was sent completely is followed by an end, however the stream ends") {
    const std::vector<Ending> endings{
        {"close()", [](ConnectedStream& on) { on.stream->close(); }},
        {"a close timeout", [](ConnectedStream& on) { on.stream->close(5ms); }},
        {"fail()",
         [](ConnectedStream& on) { on.stream->fail(reactor::system_error(EIO, "read")); }},
        {"the destructor", [](ConnectedStream& on) { on.stream.reset(); }},
    };
    for (const Ending& ending : endings) {
      CAPTURE(ending.name);
      Loop loop;
      ConnectedStream on(loop);
      on.stream->write("all of it");
      ending.end(on);
      on.until_peer_is_over();
      CHECK(on.peer.ended());
      CHECK(on.peer.received() == "all of it");
    }
  }

  // ---- Limits

  TEST_CASE("exactly max_queued_bytes may be queued, and one byte more closes the stream") {
    for (const bool one_more : {false, true}) {
      CAPTURE(one_more);
      Loop loop;
      ConnectedStream on(loop, small_buffers);
      on.queue(1);
      const std::size_t queued = on.stream->queued_bytes();
      on.stream->set_limits({.max_queued_bytes = queued + 1000});
      const WriteStatus written = on.stream->write(std::string(one_more ? 1001 : 1000, 'x'));
      CHECK(written == (one_more ? WriteStatus::closed : WriteStatus::queued));
      if (one_more) {
        on.until_closed();
        CHECK(on.closed->code == std::errc::no_buffer_space);
      } else {
        CHECK(on.stream->queued_bytes() == queued + 1000);
      }
    }
  }

  TEST_CASE("exactly the high-water mark is not above it") {
    Loop loop;
    ConnectedStream on(loop, small_buffers);
    on.queue(1);
    const std::size_t queued = on.stream->queued_bytes();
    on.stream->set_limits({.high_water_bytes = queued + 10});
    CHECK(on.stream->write(std::string(10, 'x')) == WriteStatus::queued);
    CHECK(on.stream->write("x") == WriteStatus::above_high_water);
  }

  TEST_CASE("limits beyond 4 GiB are exact") {
    Loop loop;
    ConnectedStream on(loop, small_buffers);
    on.peer.hold();
    const std::uint64_t size = std::uint64_t{9} << 29;  // 4.5 GiB, which take no space on the disk.
    const TemporaryFile file("");
    std::filesystem::resize_file(file.path(), size);
    on.stream->set_limits({.high_water_bytes = size});
    CHECK(on.stream->write_file(file.open(), 0, size) == WriteStatus::queued);
    on.stream->set_limits({.high_water_bytes = std::size_t{1} << 32});
    CHECK(on.stream->write("x") == WriteStatus::above_high_water);
  }

  TEST_CASE("streams with shared limits share one allowance") {
    Loop loop;
    const SharedLimits limits({.max_queued_bytes = one_mebibyte}, 300'000);
    ConnectedStream first(loop, small_buffers), second(loop, small_buffers);
    first.queue(1);  // Bytes that were queued before the limits are set count too.
    first.stream->set_limits(limits);
    second.stream->set_limits(limits);
    first.queue(200'000);
    CHECK(limits.queued_bytes() == first.stream->queued_bytes());
    second.queue(50'000);
    CHECK(limits.queued_bytes() == first.stream->queued_bytes() + second.stream->queued_bytes());
    const std::size_t left = 300'000 - limits.queued_bytes();
    CHECK(second.stream->write(std::string(left, 'x')) != WriteStatus::closed);
    CHECK(first.stream->write("x") == WriteStatus::closed);
    first.until_closed();
    CHECK(first.closed->hint ==
          "this peer and others do not read, and more than 300000 bytes wait for all of them");
    CHECK(limits.queued_bytes() == second.stream->queued_bytes());
    CHECK_FALSE(second.closed);

    second.peer.read_on();
    run_until(loop, [&] { return limits.queued_bytes() == 0; });
    second.queue(50'000);
    second.stream.reset();
    CHECK(limits.queued_bytes() == 0);
  }

  // ---- Reading and back-pressure

  TEST_CASE(
      "a stream reads whatever the state of its output is, unless its limits require a pause") {
    for (const bool pause : {false, true}) {
      CAPTURE(pause);
      Loop loop;
      ConnectedStream on(loop, small_buffers);
      on.stream->set_limits({.high_water_bytes = 1000, .pause_reading_above_high_water = pause});
      on.queue(200'000);
      on.peer.send("question");
      for (int i = 0; i < 5; ++i) loop.poll();
      CHECK(on.received == (pause ? 0 : 8));
      on.peer.read_on();
      run_until(loop, [&] { return on.received == 8; });
    }
  }

  TEST_CASE(
      "two streams that both write more than the network holds before they read both finish") {
    Loop loop;
    auto sockets = connected_sockets(Transport::tcp4, small_buffers);
    Stream first(loop, std::move(sockets[0])), second(loop, std::move(sockets[1]));
    constexpr std::size_t total = 8 * one_mebibyte;
    struct Side {
      std::size_t received = 0, left = total;
    } sides[2];
    const auto start = [](Stream& stream, Side& side) {
      stream.on_data([&side](Stream::Bytes bytes) { side.received += bytes.size(); });
      const auto produce = [&stream, &side] {
        while (side.left > 0) {
          const std::size_t size = std::min<std::size_t>(side.left, 65'536);
          side.left -= size;
          if (stream.write(std::string(size, 'x')) == WriteStatus::above_high_water) return;
        }
      };
      stream.on_drained(produce);
      produce();
    };
    start(first, sides[0]);
    start(second, sides[1]);
    run_until(loop, [&] { return sides[0].received == total && sides[1].received == total; });
  }

  TEST_CASE("a stream that reads little at a time lets other handles run") {
    Loop loop;
    ConnectedStream busy(loop), other(loop);
    busy.stream->set_limits({.read_bytes = 16});
    std::optional<std::size_t> received_before;
    other.stream->on_data([&](Stream::Bytes) { received_before = busy.received; });
    busy.peer.send(Pattern::at(0, 10'000));
    other.peer.send("x");
    run_until(loop, [&] { return received_before.has_value(); });
    CHECK(*received_before <= 64);
  }

  TEST_CASE("the bytes read in an iteration hardly grow with the number of peers that flood") {
    constexpr std::size_t streams = 60;
    Loop loop;
    std::list<ConnectedStream> flooded;
    for (std::size_t i = 0; i < streams; ++i) flooded.emplace_back(loop);
    const auto fill = [&] {
      for (ConnectedStream& one : flooded) {
        while (one.peer.send_some(Pattern::at(0)) > 0) {
        }
      }
    };
    const auto received = [&] {
      return std::accumulate(
          flooded.begin(), flooded.end(), std::uint64_t{0},
          [](std::uint64_t sum, const ConnectedStream& one) { return sum + one.received; });
    };
    for (int iteration = 0; iteration < 20; ++iteration) {
      CAPTURE(iteration);
      fill();
      std::vector<std::size_t> before;
      for (const ConnectedStream& one : flooded) before.push_back(one.received);
      const std::uint64_t all = received();
      loop.run_once();
      // The first iteration does not yet know how many streams there are.
      CHECK(received() - all <= (iteration == 0 ? 10 : 3) * one_mebibyte);
      std::size_t index = 0;
      for (const ConnectedStream& one : flooded) CHECK(one.received > before[index++]);
    }
  }

  TEST_CASE(
      "bytes that the peer sent before it closed are delivered, even if a write failed first") {
    Loop loop;
    ConnectedStream on(loop);
    on.peer.send("last words");
    on.peer.close();
    // The first write makes the peer's kernel send a reset. A later write fails because of it.
    CHECK(on.stream->write("a") == WriteStatus::sent);
    while (on.stream->write("b") == WriteStatus::sent) {
    }
    on.until_closed();
    CHECK(on.received == 10);
  }

  // ---- Time

  TEST_CASE("close() waits for a peer as long as the peer reads, or sends") {
    for (const bool reads : {true, false}) {
      CAPTURE(reads);
      Loop loop;
      ConnectedStream on(loop, small_buffers);
      constexpr auto timeout = 60ms;
      on.queue(one_mebibyte);
      on.stream->close(timeout);
      int steps = 0;
      bool lost = false;
      const auto step = Timer::every(loop, 10ms, [&] {
        if (on.closed) lost = true;
        ++steps;
        char some[16 * 1024];
        if (reads) {
          (void)::recv(on.peer.socket().fd(), some, sizeof some, 0);
        } else {
          on.peer.send_some("x");
        }
      });
      run_until(loop, [&] { return steps == 30 || lost; });
      CHECK_FALSE(lost);
      on.peer.read_on();
      on.until_peer_is_over();
      CHECK(on.peer.ended());
      on.peer.finish();
      on.until_closed();
      CHECK_FALSE(*on.closed);
    }
  }

  TEST_CASE("a peer that has sent its end and does not read is given up in time") {
    Loop loop;
    ConnectedStream on(loop, small_buffers);
    on.queue(200'000);
    on.stream->on_end([] {});
    on.peer.finish();
    for (int i = 0; i < 3; ++i) loop.poll();
    on.stream->close(20ms);
    on.until_closed();
    CHECK(on.closed->code == std::errc::timed_out);
  }

  TEST_CASE(
      "close_timeout limits each ending without a timeout of its own, in place of the default") {
    const std::vector<Ending> endings{
        {"close()", [](ConnectedStream& on) { on.stream->close(); }},
        {"the peer's end, without on_end", [](ConnectedStream& on) { on.peer.finish(); }},
        {"a layer that closes", [](ConnectedStream& on) { on.stream->delivery().close(); }},
        {"an error of a layer",
         [](ConnectedStream& on) { on.stream->fail(reactor::system_error(ETIMEDOUT, "decode")); }},
    };
    for (const Ending& ending : endings) {
      CAPTURE(ending.name);
      Loop loop;
      ConnectedStream on(loop, small_buffers);
      on.stream->set_limits({.close_timeout = 20ms});
      on.queue(200'000);
      const auto begin = std::chrono::steady_clock::now();
      ending.end(on);
      on.until_closed();
      CHECK(on.closed->code == std::errc::timed_out);
      CHECK(std::chrono::steady_clock::now() - begin < StreamLimits().close_timeout);
    }
  }

  TEST_CASE(
      "a peer that has received everything cannot keep a closing stream open by sending for ever") {
    Loop loop;
    ConnectedStream on(loop);
    on.stream->set_limits({.discard_timeout = 100ms});
    on.stream->write("all there is");
    on.stream->close(50ms);
    const auto step = Timer::every(loop, 5ms, [&] { on.peer.send_some("x"); });
    on.until_closed();
    CHECK(on.closed->code == std::errc::timed_out);
    CHECK(on.peer.received() == "all there is");
  }

  TEST_CASE("the stream ends if its output makes no progress, and only then") {
    Loop loop;
    ConnectedStream stalled(loop, small_buffers), slow(loop, small_buffers), sent(loop);
    for (ConnectedStream* on : {&stalled, &slow, &sent}) {
      on->stream->set_limits({.stall_timeout = 60ms});
    }
    stalled.queue(100'000);
    slow.queue(one_mebibyte);
    sent.stream->write("all of it");
    int steps = 0;
    const auto step = Timer::every(loop, 10ms, [&] {
      ++steps;
      char some[16 * 1024];
      (void)::recv(slow.peer.socket().fd(), some, sizeof some, 0);
    });
    run_until(loop, [&] { return steps >= 30 && stalled.closed; });
    CHECK(stalled.closed->code == std::errc::timed_out);
    CHECK(stalled.closed->message().starts_with("send to 127.0.0.1:"));
    CHECK_FALSE(slow.closed);
    CHECK_FALSE(sent.closed);
  }

  TEST_CASE("every timeout of a stream may have any value, and max() means never") {
    using std::chrono::milliseconds;
    for (const milliseconds timeout :
         {milliseconds::min(), milliseconds(-1), milliseconds(0), milliseconds(1),
          milliseconds::max() - milliseconds(1), milliseconds::max()}) {
      CAPTURE(timeout.count());
      const bool soon = timeout <= milliseconds(1);
      Loop loop;
      ConnectedStream closing(loop, small_buffers), stalled(loop, small_buffers);
      closing.queue(1000);
      closing.stream->close(timeout);
      stalled.stream->set_limits({.stall_timeout = timeout});
      stalled.queue(1000);
      const reactor::Socket nobody = listening_socket(Transport::tcp4, 0);
      auto connecting = Stream::connect(loop, *nobody.local_address(), timeout);
      REQUIRE(connecting);
      if (soon) {
        closing.until_closed();
        stalled.until_closed();
      } else {
        for (int i = 0; i < 5; ++i) loop.poll();
        CHECK_FALSE(closing.closed);
        CHECK_FALSE(stalled.closed);
      }
    }
  }

  TEST_CASE("a stream reports for how long no bytes have moved") {
    Loop loop;
    ConnectedStream on(loop);
    std::chrono::nanoseconds quiet{};
    bool progressed = true;
    const auto after_20_ms = [&](auto first) {
      bool over = false;
      first();
      const auto timer = Timer::after(loop, 20ms, [&] {
        quiet = on.stream->quiet_for();
        progressed = on.stream->has_progressed();
        over = true;
      });
      run_until(loop, [&] { return over; });
    };
    after_20_ms([] {});
    CHECK(quiet >= 20ms);
    CHECK_FALSE(progressed);
    after_20_ms([&] { on.stream->pause(); });
    CHECK(quiet == 0ms);
    CHECK_FALSE(progressed);
    on.stream->resume();
    for (int kind = 0; kind < 3; ++kind) {
      CAPTURE(kind);
      ConnectedStream other(loop);
      const auto running = Timer::after(loop, 1h, [] {});
      if (kind == 0) {
        other.peer.send("x");
        run_until(loop, [&] { return other.received == 1; });
      } else if (kind == 1) {
        bool written = false;
        loop.post([&] { written = other.stream->write("x") == WriteStatus::sent; });
        run_until(loop, [&] { return written; });
      } else {
        other.stream->touch();
      }
      CHECK(other.stream->has_progressed());
    }
  }

  // ---- Files

  TEST_CASE("an error of the file names the file, not the peer") {
    Loop loop;
    const auto error_of = [&](int fd) {
      ConnectedStream on(loop);
      on.stream->write_file(File::own(fd), 0, 5);
      on.until_closed();
      return on.closed->message();
    };
    CHECK(error_of(::open("/tmp", O_RDONLY | O_CLOEXEC)).starts_with("read /tmp: "));
    const TemporaryFile file("text");
    const std::string path = file.path();
    CHECK(error_of(::open(path.c_str(), O_WRONLY | O_CLOEXEC))
              .starts_with("read " + path + ": bad file descriptor (it was to be sent to 127."));
    int pipe[2];
    REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
    CHECK(error_of(pipe[0]).starts_with("read pipe:["));
    ::close(pipe[1]);
  }

  TEST_CASE("files that the kernel cannot send from its cache are sent too") {
    Loop loop;
    ConnectedStream on(loop);
    on.stream->write_file(File::own(::open("/proc/self/comm", O_RDONLY | O_CLOEXEC)), 0, 3);
    on.stream->write_file(File::own(::open("/dev/zero", O_RDONLY | O_CLOEXEC)), 0, 100'000);
    on.stream->write("end");
    run_until(loop, [&] { return on.peer.received().size() >= 100'006 || on.closed; });
    CHECK_FALSE(on.closed);
    CHECK(on.peer.received().ends_with("end"));
  }

  TEST_CASE("many parts of files are sent in order") {
    Loop loop;
    ConnectedStream on(loop, small_buffers);
    const TemporaryFile file("0123456789");
    on.queue(1000);
    for (unsigned part = 0; part < 500; ++part) on.stream->write_file(file.open(), part % 10, 1);
    for (int part = 0; part < 500; ++part) on.stream->write("-");
    on.peer.read_on();
    on.stream->close(60s);
    on.until_peer_is_over();
    CHECK(on.peer.received().ends_with("0123456789" + std::string(500, '-')));
  }
}
