#include "reactor/stream.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "reactor/listener.hpp"
#include "support/loop_modes.hpp"
#include "support/peer.hpp"
#include "support/run_until.hpp"
#include "support/sample.hpp"
#include "support/stack_depth.hpp"

using namespace std::chrono_literals;
using reactor::Address;
using reactor::Error;
using reactor::Listener;
using reactor::Loop;
using reactor::Socket;
using reactor::Stream;
using reactor::Timer;
using reactor::WriteStatus;

namespace {

std::string_view text_of(Stream::Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

constexpr std::size_t mebibyte = 1024 * 1024;

// A stream and its peer, and the events of the stream so far.
template <class LoopMode>
struct Connection {
  explicit Connection(Transport transport = Transport::tcp4, Buffers buffers = {})
      : Connection(connected_sockets(transport, buffers)) {}

  explicit Connection(std::array<Socket, 2> sockets)
      : peer_address(sockets[0].peer_address()->to_string()),
        stream(std::in_place, loop, std::move(sockets[0])),
        peer(loop, std::move(sockets[1])) {
    stream->on_close([this](const Error& error) {
      ++closes;
      close_error = error;
    });
  }

  void collect() {
    stream->on_data([this](Stream::Bytes bytes) { received += text_of(bytes); });
  }

  // Writes until the kernel and, up to its high-water mark, the stream are full.
  void fill() {
    while (stream->write(Pattern::at(written)) != WriteStatus::above_high_water)
      written += Pattern::period;
    written += Pattern::period;
  }

  template <class Condition>
  void until(Condition condition) {
    run_until(loop, condition);
  }
  void until_closed() {
    until([this] { return closes > 0; });
  }

  LoopMode mode;
  Loop& loop = mode.loop;
  const std::string peer_address;
  std::optional<Stream> stream;
  Peer peer;
  std::string received;
  std::uint64_t written = 0;
  int closes = 0;
  Error close_error;
};

// A server that does not respond: its backlog is full, and the kernel drops further connections.
struct Unanswering {
  Unanswering() {
    for (int i = 0; i < 2; ++i) {
      waiting.push_back(*Socket::open(reactor::Family::ipv4, reactor::SocketType::stream));
      REQUIRE(waiting.back().connect(address));
    }
  }
  Socket listening = listening_socket(Transport::tcp4, 0);
  Address address = *listening.local_address();
  std::vector<Socket> waiting;
};

// An address where no socket listens any more.
Address deserted_address() { return *listening_socket(Transport::tcp4).local_address(); }

}  // namespace

TEST_SUITE("stream") {
  TEST_CASE_TEMPLATE("bytes written back in the callback arrive complete and in order", LoopMode,
                     Standalone, Embedded) {
    for (const Transport transport : transports()) {
      CAPTURE(transport);
      Connection<LoopMode> on(transport);
      on.stream->on_data([&](Stream::Bytes bytes) {
        for (const char letter : text_of(bytes)) {
          CHECK(on.stream->write(std::string(2, letter)) == WriteStatus::sent);
        }
      });
      on.peer.send("hello");
      on.until([&] { return on.peer.received() == "hheelllloo"; });
    }
  }

  TEST_CASE_TEMPLATE("100 MiB through a small send buffer arrive unchanged at a slow reader",
                     LoopMode, Standalone, Embedded) {
    constexpr std::uint64_t total = 100 * mebibyte;
    Connection<LoopMode> on(Transport::tcp4, {.sender = 16 * 1024, .receiver = 64 * 1024});
    const auto produce = [&] {
      while (on.written < total) {
        const auto piece = Pattern::at(on.written, total - on.written);
        const WriteStatus written = on.stream->write(piece);
        REQUIRE(written != WriteStatus::closed);
        on.written += piece.size();
        if (written == WriteStatus::above_high_water) return;
      }
      on.stream->close();
    };
    on.stream->on_drained(produce);
    on.peer.keep(false);
    on.peer.read_slowly(48 * 1024);
    produce();
    run_until(
        on.loop, [&] { return on.peer.over(); }, 300s);
    CHECK(on.peer.received_bytes() == total);
    CHECK(on.peer.matches_pattern());
    CHECK(on.peer.ended());
  }

  TEST_CASE_TEMPLATE("a write that exceeds the limit of the queue closes the stream", LoopMode,
                     Standalone, Embedded) {
    Connection<LoopMode> on;
    on.peer.hold();
    on.stream->set_limits({.high_water_bytes = 100'000, .max_queued_bytes = 200'000});
    on.fill();
    CHECK(on.stream->write(Pattern::text(200'000)) == WriteStatus::closed);
    CHECK(on.stream->write("more") == WriteStatus::closed);
    on.until_closed();
    CHECK(on.close_error.code == std::errc::no_buffer_space);
    const std::string message = on.close_error.message();
    CAPTURE(message);
    CHECK(message.starts_with("send to 127.0.0.1:"));
    CHECK(message.ends_with("(the peer does not read, and more than 200000 bytes wait for it)"));
  }

  TEST_CASE_TEMPLATE(
      "a peer that does not read its replies is not read from, until half of them is sent",
      LoopMode, Standalone, Embedded) {
    for (const Transport transport : transports()) {
      CAPTURE(transport);
      Connection<LoopMode> on(transport, {.sender = 32 * 1024, .receiver = 32 * 1024});
      constexpr std::size_t high_water = 100'000;
      on.stream->set_limits(
          {.high_water_bytes = high_water, .pause_reading_above_high_water = true});
      std::size_t queued_when_drained = 0;
      int drained = 0;
      on.stream->on_drained([&] {
        ++drained;
        queued_when_drained = on.stream->queued_bytes();
      });
      on.collect();
      on.peer.hold();
      on.fill();
      CHECK(on.stream->queued_bytes() > high_water);
      CHECK(on.stream->write("x") == WriteStatus::above_high_water);

      on.peer.send("question");
      for (int i = 0; i < 3; ++i) on.loop.poll();
      CHECK(on.received == "");
      CHECK(drained == 0);

      on.peer.read_on();
      on.until([&] { return on.received == "question"; });
      CHECK(drained == 1);
      CHECK(queued_when_drained <= high_water / 2);
      on.until([&] { return on.peer.received().size() == on.written + 1; });
      CHECK((on.peer.received() == Pattern::text(on.written) + "x"));
    }
  }

  TEST_CASE_TEMPLATE("a write reports whether it was sent, queued, above the mark, or not taken",
                     LoopMode, Standalone, Embedded) {
    Connection<LoopMode> on;
    on.peer.hold();
    CHECK(on.stream->write("") == WriteStatus::sent);
    CHECK(on.stream->write("a") == WriteStatus::sent);
    CHECK(on.stream->queued_bytes() == 0);
    WriteStatus written;
    while ((written = on.stream->write(Pattern::at(0))) == WriteStatus::sent) {
    }
    CHECK(written == WriteStatus::queued);
    CHECK(on.stream->write("b") == WriteStatus::queued);
    on.fill();
    on.stream->shutdown();
    CHECK(on.stream->write("c") == WriteStatus::closed);
  }

  // ---- Ending in order

  TEST_CASE_TEMPLATE("10 MiB written before close() arrive at a peer that reads slowly", LoopMode,
                     Standalone, Embedded) {
    for (const Transport transport : transports()) {
      CAPTURE(transport);
      Connection<LoopMode> on(transport, {.sender = 0, .receiver = 32 * 1024});
      on.peer.keep(false);
      on.peer.read_slowly(20'000);
      std::string text = Pattern::text(10 * mebibyte);
      CHECK(on.stream->write(text) != WriteStatus::closed);
      on.stream->close(60s);
      CHECK(on.stream->write("late") == WriteStatus::closed);
      on.until([&] { return on.peer.over(); });
      CHECK(on.peer.received_bytes() == 10 * mebibyte);
      CHECK(on.peer.matches_pattern());
      CHECK(on.peer.ended());
      CHECK(on.closes == 0);
      on.peer.close();
      on.until_closed();
      CHECK_FALSE(on.close_error);
    }
  }

  TEST_CASE_TEMPLATE("a peer that is still sending gets no reset when the stream is closed",
                     LoopMode, Standalone, Embedded) {
    for (const Transport transport : transports()) {
      CAPTURE(transport);
      Connection<LoopMode> on(transport);
      on.stream->on_data([&](Stream::Bytes) {
        on.stream->write("enough");
        on.stream->close();
      });
      on.peer.send(Pattern::at(0, 1000));
      // The reply and the end are on their way, while the peer continues to send.
      on.until([&] {
        if (!on.peer.over()) on.peer.send_some(Pattern::at(0));
        return on.peer.over();
      });
      CHECK(on.peer.received() == "enough");
      CHECK(on.peer.ended());
      on.peer.send_some(Pattern::at(0));
      on.loop.poll();
      on.peer.finish();
      on.until_closed();
      CHECK_FALSE(on.close_error);
    }
  }

  TEST_CASE_TEMPLATE(
      "close() with much to send works for a peer that sends everything before it reads", LoopMode,
      Standalone, Embedded) {
    Connection<LoopMode> on;
    on.stream->set_limits({.high_water_bytes = 20 * mebibyte});
    on.peer.hold();
    on.peer.keep(false);
    on.stream->write(Pattern::text(10 * mebibyte));
    REQUIRE(on.stream->queued_bytes() > 0);
    on.stream->close(60s);
    std::size_t sent = 0;
    on.until([&] {
      sent += on.peer.send_some(Pattern::at(0));
      return sent >= 20 * mebibyte;
    });
    on.peer.finish();
    on.peer.read_on();
    on.until_closed();
    CHECK_FALSE(on.close_error);
    on.until([&] { return on.peer.over(); });
    CHECK(on.peer.received_bytes() == 10 * mebibyte);
    CHECK(on.peer.matches_pattern());
    CHECK(on.peer.ended());
  }

  TEST_CASE_TEMPLATE("close() waits a limited time for a peer that does not end the connection",
                     LoopMode, Standalone, Embedded) {
    for (const bool reads : {true, false}) {
      CAPTURE(reads);
      Connection<LoopMode> on;
      if (!reads) {
        on.peer.hold();
        on.fill();
      }
      on.stream->close(20ms);
      on.until_closed();
      CHECK(on.close_error.code == std::errc::timed_out);
      CHECK(on.closes == 1);
    }
  }

  TEST_CASE_TEMPLATE("a timeout may be as long as its type can represent", LoopMode, Standalone,
                     Embedded) {
    Connection<LoopMode> on;
    on.stream->close(std::chrono::milliseconds::max());
    on.peer.close();
    on.until_closed();
    CHECK_FALSE(on.close_error);
  }

  TEST_CASE_TEMPLATE("the peer's end is reported, and the stream may still reply", LoopMode,
                     Standalone, Embedded) {
    for (const Transport transport : transports()) {
      CAPTURE(transport);
      Connection<LoopMode> on(transport);
      on.collect();
      bool ended = false;
      on.stream->on_end([&] {
        ended = true;
        CHECK(on.received == "question");
      });
      on.peer.send("question");
      on.peer.finish();
      on.until([&] { return ended; });
      on.loop.poll();
      CHECK(on.closes == 0);
      CHECK(on.stream->write(Pattern::text(mebibyte)) != WriteStatus::closed);
      on.stream->shutdown();
      CHECK(on.stream->write("late") == WriteStatus::closed);
      on.until([&] { return on.peer.over(); });
      CHECK((on.peer.received() == Pattern::text(mebibyte)));
      CHECK(on.peer.ended());
      on.until_closed();
      CHECK_FALSE(on.close_error);
    }
  }

  TEST_CASE_TEMPLATE("after shutdown() the peer's bytes still arrive", LoopMode, Standalone,
                     Embedded) {
    for (const Transport transport : transports()) {
      CAPTURE(transport);
      Connection<LoopMode> on(transport);
      on.collect();
      on.stream->write("question");
      on.stream->shutdown();
      on.until([&] { return on.peer.over(); });
      CHECK(on.peer.received() == "question");
      CHECK(on.peer.ended());
      on.peer.send("answer");
      on.until([&] { return on.received == "answer"; });
      on.peer.close();
      on.until_closed();
      CHECK_FALSE(on.close_error);
    }
  }

  TEST_CASE_TEMPLATE("without on_end, the peer's end closes the stream after what is queued",
                     LoopMode, Standalone, Embedded) {
    Connection<LoopMode> on;
    on.collect();
    on.peer.hold();
    on.stream->set_limits({.high_water_bytes = 20 * mebibyte});
    on.stream->write(Pattern::text(10 * mebibyte));
    on.peer.finish();
    for (int i = 0; i < 3; ++i) on.loop.poll();
    CHECK(on.stream->write("late") == WriteStatus::closed);
    CHECK(on.closes == 0);
    on.peer.read_on();
    on.until_closed();
    CHECK_FALSE(on.close_error);
    on.until([&] { return on.peer.over(); });
    CHECK((on.peer.received() == Pattern::text(10 * mebibyte)));
    CHECK(on.peer.ended());
  }

  TEST_CASE_TEMPLATE("abort() resets the connection, and the error of on_close names abort()",
                     LoopMode, Standalone, Embedded) {
    Connection<LoopMode> on;
    on.stream->abort();
    CHECK(on.closes == 0);  // Never from inside abort().
    on.until_closed();
    CHECK(on.close_error.code == std::errc::operation_canceled);
    on.until([&] { return on.peer.over(); });
    CHECK(on.peer.error() == ECONNRESET);
  }

  TEST_CASE_TEMPLATE("a destroyed stream closes its connection immediately, without a callback",
                     LoopMode, Standalone, Embedded) {
    Connection<LoopMode> on;
    on.stream->on_data([&](Stream::Bytes) {
      on.stream->write("bye");  // Gathered: it is sent before the end.
      on.stream.reset();
    });
    on.peer.send("x");
    on.until([&] { return on.peer.over(); });
    CHECK(on.peer.received() == "bye");
    CHECK(on.peer.ended());
    CHECK(on.closes == 0);
  }

  // ---- Resets, in each state that a stream can be in

  TEST_CASE_TEMPLATE("bytes that arrived before a reset are delivered, and then the error",
                     LoopMode, Standalone, Embedded) {
    Connection<LoopMode> on;
    on.collect();
    on.peer.send("half a mess");
    on.peer.reset();
    on.until_closed();
    CHECK(on.received == "half a mess");
    CHECK(on.close_error.code == std::errc::connection_reset);
  }

  TEST_CASE_TEMPLATE("a reset ends a stream in any state, exactly once", LoopMode, Standalone,
                     Embedded) {
    struct State {
      const char* name;
      void (*enter)(Connection<LoopMode>&);
    };
    const State states[] = {
        {"without on_data", [](Connection<LoopMode>&) {}},
        {"open", [](Connection<LoopMode>& on) { on.collect(); }},
        {"paused",
         [](Connection<LoopMode>& on) {
           on.collect();
           on.stream->pause();
         }},
        {"paused, with something to read",
         [](Connection<LoopMode>& on) {
           on.collect();
           on.stream->pause();
           on.peer.send("x");
           on.loop.poll();
         }},
        {"paused, and the peer has ended its side",
         [](Connection<LoopMode>& on) {
           on.collect();
           on.stream->pause();
           on.peer.finish();
           on.until([&] { return on.stream->peer_has_ended(); });
         }},
        {"paused, with something to read before the peer's end",
         [](Connection<LoopMode>& on) {
           on.collect();
           on.stream->pause();
           on.peer.send("x");
           on.peer.finish();
           on.until([&] { return on.stream->peer_has_ended(); });
         }},
        {"without on_data, and the peer has ended its side",
         [](Connection<LoopMode>& on) {
           on.peer.finish();
           on.until([&] { return on.stream->peer_has_ended(); });
         }},
        {"paused and shut",
         [](Connection<LoopMode>& on) {
           on.collect();
           on.stream->pause();
           on.stream->shutdown();
           on.loop.poll();
         }},
        {"throttled",
         [](Connection<LoopMode>& on) {
           on.collect();
           on.peer.hold();
           on.fill();
           on.loop.poll();
         }},
        {"with a queue",
         [](Connection<LoopMode>& on) {
           on.peer.hold();
           while (on.stream->write(Pattern::at(0)) == WriteStatus::sent) {
           }
         }},
        {"shut",
         [](Connection<LoopMode>& on) {
           on.collect();
           on.stream->shutdown();
           on.loop.poll();
         }},
        {"shutting",
         [](Connection<LoopMode>& on) {
           on.collect();
           on.peer.hold();
           on.fill();
           on.stream->shutdown();
           on.loop.poll();
         }},
        {"closing",
         [](Connection<LoopMode>& on) {
           on.stream->close();
           on.loop.poll();
         }},
        {"closing, with a queue",
         [](Connection<LoopMode>& on) {
           on.peer.hold();
           on.fill();
           on.stream->close();
           on.loop.poll();
         }},
        {"half closed by the peer",
         [](Connection<LoopMode>& on) {
           on.collect();
           on.stream->on_end([] {});
           on.peer.finish();
           on.loop.poll();
           on.loop.poll();
         }},
    };
    for (const State& state : states) {
      CAPTURE(state.name);
      Connection<LoopMode> on;
      state.enter(on);
      on.peer.reset();
      on.until_closed();
      CHECK((on.close_error.code == std::errc::connection_reset ||
             on.close_error.code == std::errc::broken_pipe));
      CHECK(on.close_error.operation != "");
      CHECK(on.close_error.subject == on.peer_address);
      CHECK(on.stream->write("late") == WriteStatus::closed);
      on.stream->shutdown();
      on.stream->close();
      on.stream->abort();
      on.stream->pause();
      on.stream->resume();
      for (int i = 0; i < 3; ++i) on.loop.poll();
      CHECK(on.closes == 1);
    }
  }

  TEST_CASE_TEMPLATE("a write to a peer that has closed is an error, not a signal", LoopMode,
                     Standalone, Embedded) {
    Connection<LoopMode> on;
    on.peer.close();
    on.until([&] { return on.stream->write("x") == WriteStatus::closed; });
    on.until_closed();
    CHECK((on.close_error.code == std::errc::broken_pipe ||
           on.close_error.code == std::errc::connection_reset));
    CHECK(on.closes == 1);
  }

  // ---- Connecting

  TEST_CASE_TEMPLATE("bytes written before the connection is established are sent once it is",
                     LoopMode, Standalone, Embedded) {
    for (const Transport transport : transports()) {
      CAPTURE(transport);
      LoopMode mode;
      Loop& loop = mode.loop;
      const Socket listening = listening_socket(transport);
      auto stream = Stream::connect(loop, *listening.local_address());
      REQUIRE(stream);
      std::string order;
      stream->on_connect([&] {
        order += "connected ";
        stream->write("third");
      });
      stream->on_close([&](const Error& error) { order += error ? "error" : "closed"; });
      CHECK(stream->write("first ") == WriteStatus::queued);
      CHECK(stream->write(Pattern::text(10'000) + " ") == WriteStatus::queued);
      CHECK(order == "");
      std::optional<Peer> peer;
      run_until(loop, [&] {
        if (!peer) {
          const int fd = accept4(listening.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
          if (fd >= 0) peer.emplace(loop, Socket::own(fd));
        }
        return peer && peer->received().ends_with("third");
      });
      CHECK((peer->received() == "first " + Pattern::text(10'000) + " third"));
      stream->on_data([](Stream::Bytes) {});
      peer->close();
      run_until(loop, [&] { return order == "connected closed"; });
    }
  }

  TEST_CASE_TEMPLATE("shutdown() before the connection is established takes effect after it",
                     LoopMode, Standalone, Embedded) {
    for (const std::string text : {"", "all there is"}) {
      CAPTURE(text);
      LoopMode mode;
      Loop& loop = mode.loop;
      const Socket listening = listening_socket(Transport::tcp4);
      auto stream = Stream::connect(loop, *listening.local_address());
      REQUIRE(stream);
      stream->write(text);
      stream->shutdown();
      std::optional<Peer> peer;
      run_until(loop, [&] {
        if (!peer) {
          const int fd = accept4(listening.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
          if (fd >= 0) peer.emplace(loop, Socket::own(fd));
        }
        return peer && peer->over();
      });
      CHECK(peer->received() == text);
      CHECK(peer->ended());
    }
  }

  TEST_CASE_TEMPLATE("the error of a refused connection names the address", LoopMode, Standalone,
                     Embedded) {
    LoopMode mode;
    const Address nobody = deserted_address();
    auto stream = Stream::connect(mode.loop, nobody);
    REQUIRE(stream);
    std::vector<std::string> errors;
    bool connected = false;
    stream->on_connect([&] { connected = true; });
    stream->on_close([&](const Error& error) { errors.push_back(error.message()); });
    stream->write("nobody hears this");
    mode.loop.run();
    CHECK(errors == std::vector{"connect " + nobody.to_string() + ": connection refused"});
    CHECK_FALSE(connected);
  }

  TEST_CASE_TEMPLATE("a unix socket without a listener is an error of connect()", LoopMode,
                     Standalone, Embedded) {
    LoopMode mode;
    const Address nowhere = any_address(Transport::unix_socket);
    const auto stream = Stream::connect(mode.loop, nowhere);
    REQUIRE_FALSE(stream);
    CHECK(stream.error().message() ==
          "connect " + nowhere.to_string() + ": no such file or directory");
  }

  TEST_CASE_TEMPLATE("a connection attempt without a response is given up after the timeout",
                     LoopMode, Standalone, Embedded) {
    LoopMode mode;
    const Unanswering server;
    auto stream = Stream::connect(mode.loop, server.address, 20ms);
    REQUIRE(stream);
    Error error;
    stream->on_connect([] { FAIL("nobody accepted it"); });
    stream->on_close([&](const Error& why) { error = why; });
    run_until(mode.loop, [&] { return static_cast<bool>(error); });
    CHECK(error.message() == "connect " + server.address.to_string() + ": connection timed out");
  }

  TEST_CASE_TEMPLATE("a stream may be destroyed, closed or aborted while it connects", LoopMode,
                     Standalone, Embedded) {
    const Unanswering nobody;
    const Socket listening = listening_socket(Transport::tcp4);
    for (const Address& address :
         {nobody.address, *listening.local_address(), deserted_address()}) {
      for (const std::string how : {"destroy", "close", "abort"}) {
        CAPTURE(how);
        LoopMode mode;
        auto connecting = Stream::connect(mode.loop, address);
        REQUIRE(connecting);
        std::optional<Stream> stream = std::move(*connecting);
        std::string told;
        stream->on_connect([&] { told += "connected "; });
        stream->on_close([&](const Error& error) { told += error.code.message() + " "; });
        if (how == "destroy") stream.reset();
        if (how == "close") stream->close();
        if (how == "abort") stream->abort();
        mode.loop.run();
        CHECK(told == (how == "destroy" ? "" : "Operation canceled "));
      }
    }
  }

  TEST_CASE_TEMPLATE("a stream that is closed while it connects sends the earlier writes", LoopMode,
                     Standalone, Embedded) {
    for (const std::string how : {"an address", "a name", "fail"}) {
      CAPTURE(how);
      LoopMode mode;
      std::optional<Peer> peer;
      auto listener = Listener::listen(
          mode.loop, any_address(Transport::tcp4),
          [&](Socket socket, const Address&) { peer.emplace(mode.loop, std::move(socket)); });
      REQUIRE(listener);
      const Address address = listener->address();
      Stream stream =
          how == "a name"
              ? Stream::connect(mode.loop, "localhost:" + std::to_string(address.port()))
              : Stream::connect(mode.loop, std::vector{address});
      std::string told;
      stream.on_connect([&] { told += "connected "; });
      stream.on_close([&](const Error& error) { told += error.code.message(); });
      CHECK(stream.write("hello") == WriteStatus::queued);
      if (how == "fail") {
        stream.fail(Error{std::make_error_code(std::errc::protocol_error), "talk to"});
      } else {
        stream.close();
      }
      CHECK(stream.write("late") == WriteStatus::closed);

      run_until(mode.loop, [&] { return peer && peer->over(); });
      listener->drain();
      CHECK(peer->received() == "hello");
      CHECK(peer->ended());
      CHECK(told.empty());
      peer->close();
      mode.loop.run();
      CHECK(told == (how == "fail" ? "Protocol error" : "Success"));
    }
  }

  TEST_CASE_TEMPLATE("a stream that is closed while it connects reports why it could not connect",
                     LoopMode, Standalone, Embedded) {
    LoopMode mode;
    Stream stream = Stream::connect(mode.loop, std::vector{deserted_address()});
    Error told;
    stream.on_close([&](const Error& error) { told = error; });
    stream.write("hello");
    stream.close();
    mode.loop.run();
    CHECK(told.code == std::errc::connection_refused);
  }

  TEST_CASE_TEMPLATE(
      "a stream that is closed during an attempt without a response ends after the close() timeout",
      LoopMode, Standalone, Embedded) {
    const Unanswering nobody;
    LoopMode mode;
    Stream stream = Stream::connect(mode.loop, std::vector{nobody.address});
    Error told;
    stream.on_close([&](const Error& error) { told = error; });
    stream.write("hello");
    stream.close(20ms);
    mode.loop.run();
    CHECK(told.message() ==
          "close connection to " + nobody.address.to_string() + ": connection timed out");
  }

  TEST_CASE_TEMPLATE("a connection is reset before its first callback", LoopMode, Standalone,
                     Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    const Socket listening = listening_socket(Transport::tcp4);
    auto stream = Stream::connect(loop, *listening.local_address());
    REQUIRE(stream);
    int closes = 0;
    stream->on_close([&](const Error& error) {
      ++closes;
      CHECK(error.code == std::errc::connection_reset);
    });
    const int fd = accept4(listening.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    REQUIRE(fd >= 0);
    Peer(loop, Socket::own(fd)).reset();
    run_until(loop, [&] { return closes > 0; });
    loop.poll();
    CHECK(closes == 1);
  }

  // ---- Callbacks

  TEST_CASE_TEMPLATE("every operation on a stream may be done in each of its callbacks", LoopMode,
                     Standalone, Embedded) {
    using On = Connection<LoopMode>;
    struct Action {
      const char* name;
      void (*act)(On&);
    };
    const Action actions[] = {
        {"write", [](On& on) { on.stream->write("x"); }},
        {"write much", [](On& on) { on.stream->write(Pattern::text(mebibyte)); }},
        {"write too much",
         [](On& on) {
           on.stream->set_limits({.max_queued_bytes = mebibyte});
           on.stream->write(std::string(16 * mebibyte, 'x'));
         }},
        {"shutdown", [](On& on) { on.stream->shutdown(); }},
        {"close", [](On& on) { on.stream->close(); }},
        {"abort", [](On& on) { on.stream->abort(); }},
        {"pause", [](On& on) { on.stream->pause(); }},
        {"resume", [](On& on) { on.stream->resume(); }},
        {"limit", [](On& on) { on.stream->set_limits({.high_water_bytes = 1}); }},
        {"replace on_data", [](On& on) { on.stream->on_data([](Stream::Bytes) {}); }},
        {"remove on_data", [](On& on) { on.stream->on_data(nullptr); }},
        {"replace on_end", [](On& on) { on.stream->on_end([&on] { on.stream->close(); }); }},
        {"remove on_end", [](On& on) { on.stream->on_end(nullptr); }},
        {"replace on_drained", [](On& on) { on.stream->on_drained([] {}); }},
        {"replace on_connect", [](On& on) { on.stream->on_connect([] {}); }},
        {"replace on_close",
         [](On& on) { on.stream->on_close([&on](const Error&) { ++on.closes; }); }},
        {"remove on_close",
         [](On& on) {
           on.stream->on_close(nullptr);
           ++on.closes;
         }},
        {"destroy", [](On& on) { on.stream.reset(); }},
        {"replace the stream",
         [](On& on) {
           on.stream.emplace(on.loop, std::move(connected_sockets(Transport::tcp4)[0]));
           on.stream->on_close([&on](const Error&) { ++on.closes; });
         }},
        {"write, shut down, close and abort",
         [](On& on) {
           on.stream->write("x");
           on.stream->shutdown();
           on.stream->close();
           on.stream->abort();
         }},
    };
    // Each one causes its callback, in which `act` is called, once.
    using Act = std::function<void()>;
    struct Moment {
      const char* name;
      void (*arrange)(On&, Act);
    };
    const Moment moments[] = {
        {"on_data",
         [](On& on, Act act) {
           on.stream->on_data([act, kept = std::string("kept")](Stream::Bytes) {
             act();
             CHECK(kept == "kept");  // Its captures live until the callback returns.
           });
           on.peer.send("x");
         }},
        {"on_end",
         [](On& on, Act act) {
           on.collect();
           on.stream->on_end([act, kept = std::string("kept")] {
             act();
             CHECK(kept == "kept");
           });
           on.peer.finish();
         }},
        {"on_drained",
         [](On& on, Act act) {
           on.collect();
           on.stream->on_drained([act, kept = std::string("kept")] {
             act();
             CHECK(kept == "kept");
           });
           on.fill();
         }},
        {"on_close",
         [](On& on, Act act) {
           on.collect();
           on.stream->on_close([&on, act, kept = std::string("kept")](const Error&) {
             ++on.closes;
             act();
             CHECK(kept == "kept");
           });
           on.peer.close();
         }},
        {"on_close after a reset",
         [](On& on, Act act) {
           on.stream->on_close([&on, act](const Error&) {
             ++on.closes;
             act();
           });
           on.peer.reset();
         }},
        {"on_connect",
         [](On& on, Act act) {
           static Socket listening;
           listening = listening_socket(Transport::tcp4);
           auto connecting = Stream::connect(on.loop, *listening.local_address());
           REQUIRE(connecting);
           on.stream = std::move(*connecting);
           on.stream->on_close([&on](const Error&) { ++on.closes; });
           on.stream->on_connect([act, kept = std::string("kept")] {
             act();
             CHECK(kept == "kept");
           });
         }},
    };
    for (const Moment& moment : moments) {
      for (const Action& action : actions) {
        if (!is_in_sample(static_cast<std::size_t>(&moment - moments),
                          static_cast<std::size_t>(&action - actions))) {
          continue;
        }
        CAPTURE(moment.name);
        CAPTURE(action.name);
        On on;
        bool acted = false;
        moment.arrange(on, [&] {
          if (std::exchange(acted, true)) return;
          action.act(on);
        });
        on.until([&] { return acted; });
        for (int i = 0; i < 3; ++i) on.loop.poll();
        CHECK(on.closes <= 2);  // At most two streams, each of which is closed at most once.
        if (!on.stream) continue;
        on.stream->abort();
        for (int i = 0; i < 3; ++i) on.loop.poll();
        CHECK(on.stream->write("late") == WriteStatus::closed);
      }
    }
  }

  TEST_CASE_TEMPLATE("bytes that arrive before on_data is set are delivered then", LoopMode,
                     Standalone, Embedded) {
    Connection<LoopMode> on;
    on.peer.send("early");
    for (int i = 0; i < 3; ++i) on.loop.poll();
    on.collect();
    on.until([&] { return on.received == "early"; });
  }

  TEST_CASE_TEMPLATE("a paused stream reads nothing until it is resumed", LoopMode, Standalone,
                     Embedded) {
    Connection<LoopMode> on;
    on.stream->on_data([&](Stream::Bytes bytes) {
      on.received += text_of(bytes);
      on.stream->pause();
    });
    on.peer.send("one");
    on.until([&] { return on.received == "one"; });
    on.peer.send(" two");
    on.peer.finish();
    for (int i = 0; i < 3; ++i) on.loop.poll();
    CHECK(on.received == "one");
    CHECK(on.closes == 0);
    on.stream->resume();
    on.until([&] { return on.received == "one two"; });
    on.stream->resume();
    on.peer.close();
    on.until_closed();
    CHECK_FALSE(on.close_error);
  }

  TEST_CASE_TEMPLATE("the peer's end is noticed before it is read, however the stream waits",
                     LoopMode, Standalone, Embedded) {
    void (*const states[])(Connection<LoopMode>&) = {
        [](Connection<LoopMode>&) {},
        [](Connection<LoopMode>& on) {
          on.collect();
          on.stream->pause();
        },
        [](Connection<LoopMode>& on) {
          on.collect();
          on.stream->pause();
          on.peer.send("unread");
        },
        [](Connection<LoopMode>& on) {
          on.collect();
          on.stream->on_end([] {});
        },
        [](Connection<LoopMode>& on) {
          on.collect();
          on.peer.hold();
          on.fill();
          on.stream->pause();
        },
    };
    for (const Transport transport : transports()) {
      CAPTURE(transport);
      for (const auto& enter : states) {
        Connection<LoopMode> on(transport);
        enter(on);
        on.loop.poll();
        CHECK_FALSE(on.stream->peer_has_ended());
        on.peer.finish();
        on.until([&] { return on.stream->peer_has_ended(); });
        CHECK(on.closes == 0);
      }
    }
  }

  TEST_CASE_TEMPLATE("a loop sleeps while a paused stream has not read the peer's end", LoopMode,
                     Standalone, Embedded) {
    for (const bool shut : {false, true}) {
      CAPTURE(shut);
      Connection<LoopMode> on;
      on.collect();
      on.stream->pause();
      on.peer.finish();
      on.until([&] { return on.stream->peer_has_ended(); });
      if (shut) on.stream->shutdown();
      for (int i = 0; i < 3; ++i) on.loop.poll();
      int iterations = 0;
      bool done = false;
      const auto timer = Timer::after(on.loop, 50ms, [&] { done = true; });
      while (!done && iterations < 1000) {
        on.loop.run_once();
        ++iterations;
      }
      CHECK(iterations < 20);
      CHECK(on.closes == 0);
    }
  }

  TEST_CASE_TEMPLATE("writes to several streams in one callback keep the order on each stream",
                     LoopMode, Standalone, Embedded) {
    Connection<LoopMode> on;
    auto more = connected_sockets(Transport::tcp4);
    Stream other(on.loop, std::move(more[0]));
    Peer other_peer(on.loop, std::move(more[1]));
    on.stream->on_data([&](Stream::Bytes) {
      for (int i = 0; i < 100; ++i) {
        on.stream->write(std::to_string(i) + " ");
        other.write(std::to_string(i) + ",");
        if (i == 50) on.stream->write(Pattern::text(100'000));
        if (i == 60) other.write(Pattern::text(5'000));
      }
    });
    std::string expected, other_expected;
    for (int i = 0; i < 100; ++i) {
      expected += std::to_string(i) + " ";
      other_expected += std::to_string(i) + ",";
      if (i == 50) expected += Pattern::text(100'000);
      if (i == 60) other_expected += Pattern::text(5'000);
    }
    on.peer.send("go");
    on.until([&] {
      return on.peer.received().size() >= expected.size() &&
             other_peer.received().size() >= other_expected.size();
    });
    CHECK((on.peer.received() == expected));
    CHECK((other_peer.received() == other_expected));
  }

  TEST_CASE_TEMPLATE("parts and reserved room arrive in the order in which they were written",
                     LoopMode, Standalone, Embedded) {
    for (const std::size_t size :
         std::initializer_list<std::size_t>{0, 1, 100, 4095, 4096, 16384, 100000}) {
      CAPTURE(size);
      Connection<LoopMode> on;
      const std::string payload = Pattern::text(size);
      const auto bytes = std::as_bytes(std::span(payload));
      std::string expected;
      const auto write_all = [&](const char* head) {
        const auto head_bytes = std::as_bytes(std::span(head, 4));
        on.stream->write({head_bytes, bytes, {}, head_bytes});
        const std::span<std::byte> room = on.stream->reserve(size + 5);
        std::copy(bytes.begin(), bytes.end(), room.begin());
        on.stream->write(room.first(size));
        on.stream->write(".");
        expected += head + payload + head + payload + ".";
      };
      on.stream->on_data([&](Stream::Bytes read) {
        on.stream->write(read);
        expected += "go";
        write_all("one ");
        write_all("two ");
      });
      write_all("out ");
      on.peer.send("go");
      on.until([&] { return on.peer.received().ends_with("two " + payload + "."); });
      CHECK((on.peer.received() == expected));
    }
  }

  TEST_CASE_TEMPLATE("the status of the writes is known later, too", LoopMode, Standalone,
                     Embedded) {
    Connection<LoopMode> on;
    CHECK(on.stream->write_status() == WriteStatus::sent);
    const std::string text = Pattern::text(16 << 20);
    on.stream->set_limits({.high_water_bytes = 32 << 20, .max_queued_bytes = 64 << 20});
    const std::array parts{std::as_bytes(std::span(text)), std::as_bytes(std::span(text))};
    CHECK(on.stream->write(std::span(parts).first(1)) == WriteStatus::queued);
    CHECK(on.stream->write_status() == WriteStatus::queued);
    CHECK(on.stream->write(parts) == WriteStatus::above_high_water);
    CHECK(on.stream->write_status() == WriteStatus::above_high_water);
    on.until([&] {
      on.peer.received();
      return on.stream->write_status() == WriteStatus::sent;
    });
    CHECK(on.stream->queued_bytes() == 0);
    on.stream->shutdown();
    CHECK(on.stream->write_status() == WriteStatus::closed);
    CHECK(on.stream->write({parts[0], parts[1]}) == WriteStatus::closed);
    CHECK(on.stream->write(on.stream->reserve(10)) == WriteStatus::closed);
  }

  TEST_CASE_TEMPLATE("callbacks that cause callbacks do not grow the stack", LoopMode, Standalone,
                     Embedded) {
    Connection<LoopMode> on;
    const auto echo = [](Stream& stream) {
      return [&stream](Stream::Bytes bytes) { stream.write(bytes); };
    };
    auto pair = connected_sockets(Transport::unix_socket);
    Stream left(on.loop, std::move(pair[0])), right(on.loop, std::move(pair[1]));
    int rounds = 0;
    StackDepth depth;
    left.on_data([&](Stream::Bytes bytes) {
      depth.note();
      ++rounds;
      left.write(bytes);
    });
    right.on_data(echo(right));
    left.write("ball");
    on.until([&] { return rounds == 20'000; });
    CHECK(depth.bytes() < 1024);
  }

  // ---- Sender

  TEST_CASE_TEMPLATE("writes of other threads are in order and complete", LoopMode, Standalone,
                     Embedded) {
    constexpr int threads = 4, lines = 2'000;
    Connection<LoopMode> on;
    const Stream::Sender sender = on.stream->sender();
    std::vector<std::thread> writers;
    for (int thread = 0; thread < threads; ++thread) {
      writers.emplace_back([sender, thread] {
        for (int line = 0; line < lines; ++line) {
          sender.write(std::to_string(thread) + " " + std::to_string(line) + "\n");
        }
      });
    }
    on.until([&] {
      return std::count(on.peer.received().begin(), on.peer.received().end(), '\n') ==
             threads * lines;
    });
    for (auto& writer : writers) writer.join();
    std::array<int, threads> next{};
    std::string_view text = on.peer.received();
    bool in_order = true;
    while (!text.empty()) {
      const auto end = text.find('\n');
      const auto thread = static_cast<std::size_t>(text[0] - '0');
      const int line = next[thread]++;
      in_order = in_order && text.substr(2, end - 2) == std::to_string(line);
      text.remove_prefix(end + 1);
    }
    CHECK(in_order);
  }

  TEST_CASE_TEMPLATE("a sender outlives its stream, and then does nothing", LoopMode, Standalone,
                     Embedded) {
    Connection<LoopMode> on;
    const Stream::Sender sender = on.stream->sender();
    sender.write("posted");
    on.stream.reset();
    auto pair = connected_sockets(Transport::tcp4);
    on.stream.emplace(on.loop, std::move(pair[0]));  // Replaces the first stream.
    Peer other(on.loop, std::move(pair[1]));
    sender.write("late");
    for (int i = 0; i < 3; ++i) on.loop.poll();
    CHECK(other.received() == "");
    on.until([&] { return on.peer.over(); });
    CHECK(on.peer.received() == "");
  }
}
