// Connecting to a name, or to several addresses.
#include "reactor/connect_options.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "reactor/resolver.hpp"
#include "reactor/stream.hpp"
#include "support/loop_modes.hpp"
#include "support/peer.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"

using namespace std::chrono_literals;
using reactor::Address;
using reactor::ConnectOptions;
using reactor::Error;
using reactor::Loop;
using reactor::Socket;
using reactor::Stream;

namespace {

Address with_this_port(const char* host, std::uint16_t port) {
  Address there = address(std::string(host) + ":0");
  there.set_port(port);
  return there;
}

struct OneAddress {
  Socket socket = listening_socket(Transport::tcp4);
  Address here = ok(socket.local_address());

  // The same port of another address of this host, where no socket listens.
  [[nodiscard]] Address refusing(const char* host = "127.0.0.2") const {
    return with_this_port(host, here.port());
  }
  [[nodiscard]] std::string name() const { return "localhost:" + std::to_string(here.port()); }

  std::optional<Socket> accept() {
    const int fd = accept4(socket.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    return fd < 0 ? std::nullopt : std::optional(Socket::own(fd));
  }
};

// A server that does not respond: its backlog is full, and the kernel drops further connections.
struct SilentServer {
  SilentServer() {
    for (int i = 0; i < 2; ++i) {
      waiting.push_back(open_socket());
      REQUIRE(waiting.back().connect(here));
    }
  }
  Socket socket = listening_socket(Transport::tcp4, 0);
  Address here = ok(socket.local_address());
  std::vector<Socket> waiting;
};

// The outcome of a stream.
struct ConnectOutcome {
  explicit ConnectOutcome(Stream connecting) : stream(std::move(connecting)) {
    stream->on_connect([this] { ++connects; });
    stream->on_close([this](const Error& reason) {
      ++closes;
      error = reason;
    });
  }
  ConnectOutcome(const ConnectOutcome&) = delete;
  ConnectOutcome& operator=(const ConnectOutcome&) = delete;

  void until_connected(Loop& loop) {
    run_until(loop, [this] { return connects + closes > 0; });
    REQUIRE_MESSAGE(connects == 1, error.message());
  }
  std::string until_closed(Loop& loop) {
    run_until(loop, [this] { return closes > 0; });
    CHECK(connects == 0);
    return error.message();
  }

  std::optional<Stream> stream;
  int connects = 0;
  int closes = 0;
  Error error;
};

std::string text_of_address(const Address& address) { return address.to_string(); }

std::size_t descriptors_in_use() {
  const std::filesystem::directory_iterator all("/proc/self/fd"), end;
  return static_cast<std::size_t>(std::distance(all, end));
}

// The next attempt starts only after the previous one has failed.
constexpr ConnectOptions one_after_the_other{.attempt_delay = 1h};
constexpr ConnectOptions side_by_side{.attempt_delay = 1ms};

}  // namespace

TEST_SUITE("connect_options") {
  TEST_CASE_TEMPLATE("a stream connects to a name, and earlier writes are sent", LoopMode,
                     Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    OneAddress server;
    // localhost may be ::1 first, where no socket listens.
    ConnectOutcome on(Stream::connect(loop, server.name()));
    CHECK(on.connects + on.closes == 0);
    CHECK(on.stream->write("hel") == reactor::WriteStatus::queued);
    CHECK_FALSE(on.stream->socket());
    on.stream->sender().write("lo");
    on.stream->shutdown();
    on.until_connected(loop);
    CHECK(ok(on.stream->socket().peer_address()) == server.here);
    Peer peer(loop, *server.accept());
    run_until(loop, [&] { return peer.ended(); });
    CHECK(peer.received() == "hello");
    peer.send("bye");
    std::string received;
    on.stream->on_data([&](Stream::Bytes bytes) {
      received.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    });
    peer.finish();
    run_until(loop, [&] { return on.closes == 1; });
    CHECK(received == "bye");
    CHECK_FALSE(on.error);
  }

  TEST_CASE("numeric addresses and unix paths are connected to without a lookup") {
    Loop loop;
    for (const Transport transport : transports()) {
      CAPTURE(transport);
      const auto socket = listening_socket(transport);
      const Address here = ok(socket.local_address());
      ConnectOutcome on(Stream::connect(loop, text_of_address(here)));
      on.until_connected(loop);
    }
  }

  TEST_CASE_TEMPLATE("after an address refuses, the next one is tried immediately", LoopMode,
                     Standalone, Embedded) {
    LoopMode mode;
    OneAddress server;
    ConnectOutcome on(
        Stream::connect(mode.loop, {server.refusing(), server.refusing("127.0.0.3"), server.here},
                        one_after_the_other));
    on.until_connected(mode.loop);
    CHECK(ok(on.stream->socket().peer_address()) == server.here);
  }

  TEST_CASE_TEMPLATE("a silent address delays the next one, and is closed once that connects",
                     LoopMode, Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    OneAddress server;
    const SilentServer silent;
    loop.poll();
    const std::size_t before = descriptors_in_use();
    ConnectOutcome on(Stream::connect(loop, {silent.here, silent.here, server.here}, side_by_side));
    on.until_connected(loop);
    CHECK(ok(on.stream->socket().peer_address()) == server.here);
    CHECK(descriptors_in_use() == before + 1);
  }

  TEST_CASE("until the delay has passed, only the first address is tried") {
    Loop loop;
    OneAddress server;
    const SilentServer silent;
    ConnectOutcome on(
        Stream::connect(loop, {silent.here, server.here}, {.timeout = 20ms, .attempt_delay = 1h}));
    on.until_closed(loop);
    CHECK_FALSE(server.accept());
  }

  TEST_CASE("an older attempt that fails does not affect the others") {
    Loop loop;
    OneAddress server;
    const SilentServer silent;
    // The first attempt times out while the second one, also silent, still has time. Then the third
    // one connects.
    ConnectOutcome on(
        Stream::connect(loop, {silent.here, silent.here, server.here},
                        {.timeout = 1h, .attempt_delay = 5ms, .attempt_timeout = 8ms}));
    on.until_connected(loop);
  }

  TEST_CASE("an attempt that takes too long is given up, and the final error names it") {
    Loop loop;
    OneAddress server;
    const SilentServer silent;
    const ConnectOptions impatient{.attempt_delay = 1h, .attempt_timeout = 5ms};
    ConnectOutcome good(Stream::connect(loop, {silent.here, server.here}, impatient));
    good.until_connected(loop);
    ConnectOutcome bad(Stream::connect(loop, {silent.here, server.refusing()}, impatient));
    CHECK(bad.until_closed(loop) == "connect " + text_of_address(server.refusing()) +
                                        ": connection refused (before that: connect " +
                                        text_of_address(silent.here) + ": connection timed out)");
  }

  TEST_CASE("if all addresses fail, the error names each of them with its reason") {
    Loop loop;
    const OneAddress server;
    ConnectOutcome two(Stream::connect(loop, {server.refusing(), server.refusing("127.0.0.3")}));
    CHECK(two.until_closed(loop) == "connect " + text_of_address(server.refusing("127.0.0.3")) +
                                        ": connection refused (before that: connect " +
                                        text_of_address(server.refusing()) +
                                        ": connection refused)");
    ConnectOutcome one(Stream::connect(loop, std::vector{server.refusing()}));
    CHECK(one.until_closed(loop) ==
          "connect " + text_of_address(server.refusing()) + ": connection refused");
    ConnectOutcome numeric(Stream::connect(loop, text_of_address(server.refusing())));
    CHECK(numeric.until_closed(loop) == one.error.message());
    ConnectOutcome none(Stream::connect(loop, std::vector<Address>()));
    CHECK(none.until_closed(loop) == "connect: invalid argument (there is no address)");
  }

  TEST_CASE("the timeout covers all attempts, and its error reports the state of each address") {
    Loop loop;
    OneAddress server;
    const SilentServer silent;
    const Address missing = address("unix:/no/such/folder/socket");
    ConnectOutcome on(Stream::connect(loop, {missing, silent.here}, {.timeout = 20ms}));
    CHECK(on.until_closed(loop) == "connect " + text_of_address(missing) + ", " +
                                       text_of_address(silent.here) + ": connection timed out (" +
                                       text_of_address(silent.here) + ": no response; connect " +
                                       text_of_address(missing) + ": no such file or directory)");
    ConnectOutcome at_once(Stream::connect(loop, server.name(), {.timeout = 0ms}));
    at_once.until_closed(loop);
    CHECK(at_once.error.code == std::errc::timed_out);
    CHECK(at_once.error.subject == server.name());
  }

  TEST_CASE("a failed lookup is reported by on_close, after connect has returned") {
    Loop loop;
    for (const std::string endpoint : {"localhost", "", "::1:80", "[localhost]:80", "unix:"}) {
      CAPTURE(endpoint);
      ConnectOutcome on(Stream::connect(loop, endpoint));
      CHECK(on.closes == 0);
      CHECK(on.until_closed(loop) == failure(reactor::resolve_now(endpoint)));
    }
    ConnectOutcome service(Stream::connect(loop, "127.0.0.1:no-such-service"));
    CHECK(service.until_closed(loop) == "resolve 127.0.0.1:no-such-service: no such service");
    ConnectOutcome nowhere(Stream::connect(loop, "unix:/no/such/folder/socket"));
    CHECK(nowhere.until_closed(loop) ==
          "connect unix:/no/such/folder/socket: no such file or directory");
  }

  TEST_CASE_TEMPLATE("a destroyed stream is not called back, and nothing keeps the loop running",
                     LoopMode, Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    const SilentServer silent;
    const OneAddress server;
    const auto fails = [](const Error& error) { FAIL(error.message()); };
    loop.poll();
    const std::size_t before = descriptors_in_use();
    {
      Stream looks_up = Stream::connect(loop, server.name());
      Stream not_begun = Stream::connect(loop, {silent.here, silent.here}, side_by_side);
      Stream tries = Stream::connect(loop, {silent.here, silent.here}, side_by_side);
      for (Stream* stream : {&looks_up, &not_begun, &tries}) {
        stream->write("hello");
        stream->on_connect([] { FAIL("it was destroyed"); });
        stream->on_close(fails);
      }
      Stream gone = std::move(looks_up);
      loop.poll();
      run_until(loop, [&] { return descriptors_in_use() >= before + 2; });
    }
    while (loop.run_once()) {
    }
    CHECK(descriptors_in_use() == before);
  }

  TEST_CASE("close, abort and fail end a connection that is not yet established") {
    Loop loop;
    const SilentServer silent;
    const std::string canceled = text_of_address(silent.here) + ", " + text_of_address(silent.here);
    ConnectOutcome closed(Stream::connect(loop, {silent.here, silent.here}));
    closed.stream->close();
    CHECK(closed.until_closed(loop) == "connect " + canceled + ": operation canceled");
    ConnectOutcome aborted(Stream::connect(loop, {silent.here, silent.here}));
    aborted.stream->abort();
    CHECK(aborted.until_closed(loop) == "connection to " + canceled + ": operation canceled");
    CHECK(aborted.stream->write("hello") == reactor::WriteStatus::closed);
    ConnectOutcome by_name(Stream::connect(loop, "localhost:1"));
    by_name.stream->close();
    CHECK(by_name.until_closed(loop) == "connect localhost:1: operation canceled");
  }

  TEST_CASE("limits that were set before apply, and shared limits get back what was queued") {
    Loop loop;
    OneAddress server;
    const reactor::SharedLimits limits({.high_water_bytes = 4, .max_queued_bytes = 8});
    ConnectOutcome on(Stream::connect(loop, server.name()));
    on.stream->set_limits(limits);
    CHECK(on.stream->write("1234") == reactor::WriteStatus::queued);
    CHECK(on.stream->write("5678") == reactor::WriteStatus::above_high_water);
    CHECK(limits.queued_bytes() == 8);
    CHECK(on.stream->write("9") == reactor::WriteStatus::closed);
    CHECK(on.until_closed(loop).find("send to " + server.name()) == 0);
    CHECK(limits.queued_bytes() == 0);

    ConnectOutcome destroyed(Stream::connect(loop, server.name()));
    destroyed.stream->set_limits(limits);
    destroyed.stream->write("1234");
    destroyed.stream.reset();
    CHECK(limits.queued_bytes() == 0);

    ConnectOutcome good(Stream::connect(loop, server.name()));
    good.stream->set_limits(limits);
    bool drained = false;
    good.stream->on_drained([&] { drained = true; });
    CHECK(good.stream->write("12345678") == reactor::WriteStatus::above_high_water);
    run_until(loop, [&] { return drained; });
    CHECK(limits.queued_bytes() == 0);
  }

  TEST_CASE("the callbacks may destroy the stream, and throw") {
    Loop loop;
    OneAddress server;
    for (const bool refused : {false, true}) {
      CAPTURE(refused);
      auto stream = std::optional(Stream::connect(
          loop, {server.refusing(), refused ? server.refusing("127.0.0.3") : server.here}));
      bool called = false;
      const auto end = [&] {
        stream.reset();
        called = true;
        throw 1;
      };
      stream->on_connect(end);
      stream->on_close([&](const Error&) { end(); });
      CHECK_THROWS_AS(run_until(loop, [&] { return called; }), int);
      CHECK(called);
      loop.poll();
    }
  }

  TEST_CASE(
      "an address of a family that this host lacks is skipped, like any other failed address") {
    Loop loop;
    OneAddress server;
    ConnectOutcome on(Stream::connect(
        loop, {address("unix:/no/such/folder/socket"), address("224.0.0.1:1"), server.here},
        one_after_the_other));
    on.until_connected(loop);
  }
}
