// Streams that are secured behave as others do.
#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocols/lines.hpp"
#include "reactor/framed.hpp"
#include "reactor/server.hpp"
#include "reactor/stream.hpp"
#include "reactor/timer.hpp"
#include "reactor/tls/tls_error.hpp"
#include "support/temporary_file.hpp"
#include "support/tls.hpp"

using namespace std::chrono_literals;
using reactor::Error;
using reactor::Loop;
using reactor::Server;
using reactor::ServerOptions;
using reactor::Socket;
using reactor::Stream;
using reactor::TlsErrc;
using reactor::TlsInfo;
using reactor::WriteStatus;

namespace {

std::string_view text_of(Stream::Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// ---- Bad input

TEST_CASE("plain HTTP on a TLS port ends the connection with a clear error") {
  Loop loop;
  auto sockets = connected_sockets(Transport::tcp4);
  TlsEnd server(loop, std::move(sockets[0]));
  Peer peer(loop, std::move(sockets[1]));
  server.stream->secure(tls_site().server());
  peer.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  peer.finish();
  run_until(loop, [&] { return server.closed.has_value(); });
  CHECK(server.closed->code == TlsErrc::not_tls);
  CHECK(server.closed->message().starts_with("TLS handshake with 127.0.0.1:"));
  CHECK(server.closed->hint == "it has sent an HTTP request in clear");
  CHECK(server.received.empty());
}

TEST_CASE("a handshake that stalls ends at its timeout") {
  Loop loop;
  auto sockets = connected_sockets(Transport::tcp4);
  TlsEnd server(loop, std::move(sockets[0]));
  Peer peer(loop, std::move(sockets[1]));
  server.stream->secure(tls_site().server({.handshake_timeout = 20ms}));
  run_until(loop, [&] { return server.closed.has_value(); });
  CHECK(server.closed->code == std::errc::timed_out);
  CHECK(server.closed->operation == "complete the TLS handshake with");
}

TEST_CASE("bytes that trickle in do not extend the handshake") {
  Loop loop;
  auto sockets = connected_sockets(Transport::tcp4);
  TlsEnd server(loop, std::move(sockets[0]));
  Peer peer(loop, std::move(sockets[1]));
  server.stream->secure(tls_site().server({.handshake_timeout = 50ms}));
  // The beginning of a record of 16,000 bytes.
  peer.send(std::string_view("\x16\x03\x01\x3e\x80\x01\x00\x3e\x7c", 9));
  const auto trickle = reactor::Timer::every(loop, 5ms, [&] { peer.send_some("x"); });
  run_until(loop, [&] { return server.closed.has_value(); });
  CHECK(server.closed->code == std::errc::timed_out);
}

TEST_CASE("a connection that is cut off reports a truncation, after the data") {
  Loop loop;
  auto pair = std::make_unique<TlsPair>(loop);
  pair->until_secured();
  pair->client.stream->write("half of a mess");
  run_until(loop, [&] { return !pair->server.received.empty(); });
  pair->client.stream.reset();  // Without close_notify.
  run_until(loop, [&] { return pair->server.closed.has_value(); });
  CHECK(pair->server.received == "half of a mess");
  CHECK_FALSE(pair->server.ended);
  CHECK(pair->server.closed->code == TlsErrc::truncated);
}

TEST_CASE("data after close_notify is an error") {
  Loop loop;
  TlsPair pair(loop);
  pair.until_secured();
  Socket& raw = pair.client.stream->socket();
  pair.client.stream->write("last");
  pair.client.stream->shutdown();
  run_until(loop, [&] { return pair.server.ended; });
  // The socket of the client sends no more, so the server cannot receive any: an injected byte
  // would need the sequence number of TCP. filter_test.cpp has that case.
  CHECK(raw.fd() >= 0);
  CHECK(pair.server.received == "last");
}

TEST_CASE("a stream is secured once") {
  Loop loop;
  TlsPair pair(loop);
  pair.until_secured();
  pair.client.stream->secure(tls_site().client(), "a.example");
  run_until(loop, [&] { return pair.client.closed.has_value(); });
  CHECK(pair.client.closed->code == std::errc::invalid_argument);
  CHECK(pair.client.closed->hint == "it is secured already");
}

// ---- Data

TEST_CASE("a message and its response pass through TLS") {
  Loop loop;
  TlsPair pair(loop);
  pair.client.stream->write("before the handshake, ");
  pair.until_secured();
  pair.client.stream->write("after it");
  run_until(loop, [&] { return pair.server.received == "before the handshake, after it"; });
  pair.server.stream->write("response");
  run_until(loop, [&] { return pair.client.received == "response"; });
}

TEST_CASE("a client may be secured while it connects by name") {
  Loop loop;
  std::optional<TlsEnd> server;
  const auto listener = ok(reactor::Listener::listen(loop, "127.0.0.1:0", {},
                                                     [&](Socket socket, const reactor::Address&) {
                                                       server.emplace(loop, std::move(socket));
                                                       server->stream->secure(tls_site().server());
                                                       server->stream->write("welcome");
                                                     }));
  Stream client = Stream::connect(loop, "127.0.0.1:" + std::to_string(listener.address().port()));
  std::optional<TlsInfo> info;
  std::string received;
  client.secure(tls_site().client(), "a.example");
  client.on_secured([&](const TlsInfo& with) { info = with; });
  client.on_data([&](Stream::Bytes bytes) { received += text_of(bytes); });
  client.write("hello");
  run_until(loop, [&] { return server && server->received == "hello" && received == "welcome"; });
  CHECK(info);
}

TEST_CASE("what waits to be encrypted does not count for the limits that streams share") {
  Loop loop;
  const auto listener = ok(
      reactor::Listener::listen(loop, "127.0.0.1:0", {}, [](Socket, const reactor::Address&) {}));
  const reactor::SharedLimits limits({}, 1000);
  Stream client = Stream::connect(loop, listener.address().to_string());
  client.set_limits(limits);
  client.write("hello");
  CHECK(limits.queued_bytes() == 5);
  client.secure(tls_site().client(), "a.example");
  CHECK(limits.queued_bytes() == 0);
}

TEST_CASE("megabytes pass in both directions at the same time, through small buffers") {
  Loop loop;
  TlsPair pair(loop, small_buffers);
  constexpr std::size_t size = 3'000'000;
  struct Source {
    explicit Source(TlsEnd& of) : end(of) {
      end.stream->on_drained([this] { produce(); });
      produce();
    }
    void produce() {
      while (sent < size) {
        const auto piece = Pattern::at(sent, std::min<std::size_t>(50'000, size - sent));
        sent += piece.size();
        if (end.stream->write(piece) == WriteStatus::above_high_water) break;
      }
      if (sent == size) end.stream->shutdown();
    }
    TlsEnd& end;
    std::size_t sent = 0;
  };
  Source client(pair.client);
  Source server(pair.server);
  run_until(loop, [&] { return pair.client.closed && pair.server.closed; });
  CHECK_FALSE(*pair.client.closed);
  CHECK_FALSE(*pair.server.closed);
  CHECK(pair.client.received == Pattern::text(size));
  CHECK(pair.server.received == Pattern::text(size));
}

TEST_CASE("a file is sent encrypted, in its place between what was written") {
  Loop loop;
  TlsPair pair(loop, small_buffers);
  const TemporaryFile file(Pattern::text(500'000));
  pair.server.stream->write("before ");
  pair.server.stream->write_file(file.open(), 100, 400'000);
  pair.server.stream->write(" after");
  pair.server.stream->close();
  run_until(loop, [&] { return pair.client.ended; });
  CHECK(pair.client.received == "before " + Pattern::text(500'000).substr(100, 400'000) + " after");
}

TEST_CASE("a file that is shorter than promised ends the connection with an error") {
  Loop loop;
  TlsPair pair(loop);
  pair.until_secured();
  const TemporaryFile file("short");
  pair.server.stream->write_file(file.open(), 0, 100);
  run_until(loop, [&] { return pair.server.closed.has_value(); });
  CHECK(pair.server.closed->operation.starts_with("send " + file.path()));
}

TEST_CASE("a peer that does not read stops the writer, and what it reads later is complete") {
  Loop loop;
  TlsPair pair(loop, small_buffers);
  pair.until_secured();
  pair.client.stream->pause();
  bool drained = false;
  pair.server.stream->on_drained([&] { drained = true; });
  std::size_t written = 0;
  while (pair.server.stream->write(Pattern::at(written, 1000)) != WriteStatus::above_high_water) {
    written += 1000;
  }
  written += 1000;
  CHECK(pair.server.stream->queued_bytes() > 100'000);
  pair.client.stream->resume();
  run_until(loop, [&] { return pair.client.received.size() == written; });
  CHECK(drained);
  CHECK(pair.client.received.substr(0, 60'000) == Pattern::text(60'000));
}

TEST_CASE("other threads write through TLS, too") {
  Loop loop;
  TlsPair pair(loop);
  const auto sender = pair.server.stream->sender();
  sender.write("posted before the handshake");
  pair.until_secured();
  sender.write(", and after it");
  run_until(loop,
            [&] { return pair.client.received == "posted before the handshake, and after it"; });
}

TEST_CASE("what one callback writes is one record") {
  Loop loop;
  TlsPair pair(loop);
  pair.until_secured();
  std::vector<std::size_t> reads;
  pair.client.stream->on_data([&](Stream::Bytes bytes) { reads.push_back(bytes.size()); });
  pair.server.stream->on_data([&](Stream::Bytes) {
    for (int i = 0; i < 10; ++i) pair.server.stream->write("0123456789");
  });
  pair.client.stream->write("go");
  run_until(loop, [&] { return !reads.empty(); });
  CHECK(reads == std::vector<std::size_t>{100});
}

TEST_CASE("a paused stream completes the handshake and delivers nothing before resume") {
  Loop loop;
  TlsPair pair(loop);
  pair.server.stream->pause();
  pair.client.stream->write("hello");
  pair.until_secured();
  CHECK(pair.server.received.empty());
  pair.server.stream->resume();
  run_until(loop, [&] { return pair.server.received == "hello"; });
}

// ---- The end

TEST_CASE("half-close: the peer may still send after the end") {
  Loop loop;
  TlsPair pair(loop);
  pair.client.stream->write("request");
  pair.client.stream->shutdown();
  run_until(loop, [&] { return pair.server.ended; });
  CHECK(pair.server.received == "request");
  pair.server.stream->write("response");
  pair.server.stream->shutdown();
  pair.until_closed();
  CHECK(pair.client.received == "response");
  CHECK_FALSE(*pair.client.closed);
  CHECK_FALSE(*pair.server.closed);
}

TEST_CASE("close() loses nothing that was written, even before the handshake") {
  Loop loop;
  TlsPair pair(loop);
  pair.client.stream->write("written before close");
  pair.client.stream->close();
  run_until(loop, [&] { return pair.server.ended; });
  CHECK(pair.server.received == "written before close");
  pair.server.stream->close();
  pair.until_closed();
  CHECK_FALSE(*pair.client.closed);
}

TEST_CASE("a stream that is closed because its peer has ended sends close_notify, too") {
  Loop loop;
  TlsPair pair(loop);
  pair.server.stream->on_end(nullptr);
  pair.client.stream->write("request");
  pair.client.stream->shutdown();
  pair.until_closed();
  CHECK(pair.client.ended);
  CHECK_FALSE(*pair.client.closed);
  CHECK_FALSE(*pair.server.closed);
}

TEST_CASE("close() does not wait for a handshake when there is nothing to send") {
  Loop loop;
  auto sockets = connected_sockets(Transport::tcp4);
  TlsEnd server(loop, std::move(sockets[0]));
  Peer peer(loop, std::move(sockets[1]));
  server.stream->secure(tls_site().server());
  server.stream->close();
  run_until(loop, [&] { return peer.ended(); });
  peer.close();
  run_until(loop, [&] { return server.closed.has_value(); });
  CHECK_FALSE(*server.closed);
}

TEST_CASE("abort resets the connection") {
  Loop loop;
  TlsPair pair(loop);
  pair.until_secured();
  pair.client.stream->abort();
  pair.until_closed();
  CHECK(pair.server.closed->code == std::errc::connection_reset);
}

// ---- STARTTLS

// Serves lines: STARTTLS secures the connection.
struct MailSession {
  Stream& stream;
  std::vector<std::string>& commands;
  std::optional<Error>& closed;

  void on_frame(std::string_view line) {
    commands.emplace_back(line);
    if (line == "STARTTLS") {
      stream.write("220 ready\r\n");
      stream.secure(tls_site().server());
    } else {
      stream.write("250 ok\r\n");
    }
  }
  void on_close(const Error& error) { closed = error; }
};

struct MailServer {
  explicit MailServer(Loop& loop)
      : server(ok(Server<MailSession, protocols::LineDecoder>::listen(
            loop, "127.0.0.1:0", ServerOptions(), [this](Stream& stream) {
              return MailSession{stream, commands, closed};
            }))) {}

  std::vector<std::string> commands;
  std::optional<Error> closed;
  Server<MailSession, protocols::LineDecoder> server;
};

TEST_CASE("STARTTLS secures a connection that began in clear") {
  Loop loop;
  MailServer mail(loop);
  Stream client = ok(Stream::connect(loop, mail.server.address()));
  std::string received;
  client.on_data([&](Stream::Bytes bytes) {
    received += text_of(bytes);
    if (received == "220 ready\r\n") {
      client.secure(tls_site().client(), "a.example");
      client.write("NOOP\r\n");
    }
  });
  client.write("STARTTLS\r\n");
  run_until(loop, [&] { return received == "220 ready\r\n250 ok\r\n"; });
  CHECK(mail.commands == std::vector<std::string>{"STARTTLS", "NOOP"});
  CHECK(client.tls_info() != nullptr);
}

TEST_CASE("commands in clear behind STARTTLS are never taken for encrypted ones") {
  // CVE-2011-0411 and its relatives.
  for (const char* injected : {"STARTTLS\r\nDELETE\r\n", "STARTTLS\r\nDEL", "STARTTLS\r\n\r\n"}) {
    CAPTURE(injected);
    Loop loop;
    MailServer mail(loop);
    Peer peer(loop, connect_to(mail.server.address()));
    peer.send(injected);
    run_until(loop, [&] { return mail.closed.has_value(); });
    CHECK(mail.commands == std::vector<std::string>{"STARTTLS"});
    CHECK(mail.closed->code == reactor::received_in_clear());
  }
}

TEST_CASE("commands that arrive in clear after STARTTLS are refused as a handshake") {
  Loop loop;
  MailServer mail(loop);
  Peer peer(loop, connect_to(mail.server.address()));
  peer.send("STARTTLS\r\n");
  run_until(loop, [&] { return peer.received().starts_with("220 ready\r\n"); });
  peer.send("DELETE\r\n");
  peer.finish();
  run_until(loop, [&] { return mail.closed.has_value(); });
  CHECK(mail.commands == std::vector<std::string>{"STARTTLS"});
  CHECK(mail.closed->code == TlsErrc::not_tls);
}

// ---- Servers

struct EchoSession {
  Stream& stream;
  int* secured;

  void on_data(Stream::Bytes bytes) { stream.write(bytes); }
  void on_secured(const TlsInfo& info) {
    CHECK(info.version == "TLSv1.3");
    ++*secured;
  }
};

TEST_CASE("a server secures all of its connections") {
  Loop loop;
  int secured = 0;
  ServerOptions options;
  options.tls = tls_site().server();
  auto server = ok(Server<EchoSession>::listen(loop, "127.0.0.1:0", options, [&](Stream& stream) {
    return EchoSession{stream, &secured};
  }));
  const auto trust = tls_site().client();
  std::vector<std::unique_ptr<TlsEnd>> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<TlsEnd>(loop, connect_to(server.address())));
    clients.back()->stream->secure(trust, "a.example");
    clients.back()->stream->write("hello");
  }
  run_until(loop, [&] {
    for (const auto& client : clients) {
      if (client->received != "hello") return false;
    }
    return true;
  });
  CHECK(secured == 20);
  server.drain(1s);
  run_until(loop, [&] { return server.connections() == 0; });
}

TEST_CASE("a drain does not wait for peers that never begin their handshake") {
  Loop loop;
  int secured = 0;
  ServerOptions options;
  options.tls = tls_site().server();
  auto server = ok(Server<EchoSession>::listen(loop, "127.0.0.1:0", options, [&](Stream& stream) {
    return EchoSession{stream, &secured};
  }));
  Peer peer(loop, connect_to(server.address()));
  run_until(loop, [&] { return server.connections() == 1; });
  server.drain(20s);
  run_until(loop, [&] { return peer.ended(); });
  peer.close();
  run_until(loop, [&] { return server.connections() == 0; });
}

TEST_CASE("a flood of handshakes takes a few steps an iteration, beside established connections") {
  Loop loop;
  TlsPair established(loop);
  established.until_secured();
  std::vector<std::unique_ptr<TlsPair>> flood;
  const auto client = tls_site().client();
  const auto server = tls_site().server();
  for (int i = 0; i < 60; ++i) {
    flood.push_back(std::make_unique<TlsPair>(loop, client, server));
  }
  const auto count = [&] {
    int done = 0;
    for (const auto& pair : flood) done += pair->client.info ? 1 : 0;
    return done;
  };
  established.server.stream->on_data(
      [&](Stream::Bytes bytes) { established.server.stream->write(bytes); });
  int answered_before_the_end = 0;
  established.client.stream->on_data([&](Stream::Bytes bytes) {
    if (count() < 60) ++answered_before_the_end;
    established.client.stream->write(bytes);
  });
  established.client.stream->write("ping");
  run_until(loop, [&] { return count() == 60; });
  CHECK(answered_before_the_end >= 10);
}

// ---- Lifetime

// What a callback does to a stream.
enum class Act { nothing, destroy, close, abort, shut_down, pause, replace };

void apply(Act act, TlsEnd& to) {
  switch (act) {
    case Act::nothing:
      break;
    case Act::destroy:
      to.stream.reset();
      break;
    case Act::close:
      to.stream->close();
      break;
    case Act::abort:
      to.stream->abort();
      break;
    case Act::shut_down:
      to.stream->shutdown();
      break;
    case Act::pause:
      to.stream->pause();
      break;
    case Act::replace:
      to.stream->on_secured(nullptr);
      to.stream->on_data(nullptr);
      break;
  }
}

TEST_CASE("each callback of a secured stream may do anything to either end") {
  for (const char* const callback : {"secured", "data", "drained", "end", "close"}) {
    for (const bool own : {true, false}) {
      for (const Act act :
           {Act::destroy, Act::close, Act::abort, Act::shut_down, Act::pause, Act::replace}) {
        CAPTURE(callback);
        CAPTURE(own);
        CAPTURE(int(act));
        Loop loop;
        TlsPair pair(loop, small_buffers);
        TlsEnd& actor = pair.server;
        TlsEnd& victim = own ? pair.server : pair.client;
        bool happened = false;
        const auto now = [&] {
          if (!std::exchange(happened, true) && victim.stream) apply(act, victim);
        };
        const std::string name = callback;
        if (name == "secured") actor.stream->on_secured([&](const TlsInfo&) { now(); });
        if (name == "data") actor.stream->on_data([&](Stream::Bytes) { now(); });
        if (name == "drained") {
          actor.stream->on_drained(now);
          while (actor.stream->write(Pattern::at(0)) != WriteStatus::above_high_water) continue;
        }
        if (name == "end") actor.stream->on_end([&] { now(); });
        if (name == "close") actor.stream->on_close([&](const Error&) { now(); });
        pair.client.stream->write("data");
        pair.client.stream->shutdown();
        if (name == "close") {
          run_until(loop, [&] { return pair.server.ended; });
          pair.server.stream->close();
        }
        run_until(loop, [&] { return happened; });
        for (int i = 0; i < 20; ++i) loop.poll();
      }
    }
  }
}

TEST_CASE("a session may destroy its server when its connection is secured") {
  struct Session {
    std::optional<Server<Session>>& server;
    void on_data(Stream::Bytes) {}
    void on_secured(const TlsInfo&) { server.reset(); }
  };
  Loop loop;
  std::optional<Server<Session>> server;
  ServerOptions options;
  options.tls = tls_site().server();
  server = ok(Server<Session>::listen(loop, "127.0.0.1:0", options,
                                      [&](Stream&) { return Session{server}; }));
  TlsEnd client(loop, connect_to(server->address()));
  client.stream->secure(tls_site().client(), "a.example");
  run_until(loop, [&] { return client.closed.has_value(); });
  CHECK_FALSE(server);
  CHECK(client.closed->code);
}

TEST_CASE("a stream may be destroyed at each step of the handshake") {
  for (int steps = 0; steps < 12; ++steps) {
    Loop loop;
    TlsPair pair(loop);
    for (int i = 0; i < steps; ++i) loop.poll();
    pair.server.stream.reset();
    run_until(loop, [&] { return pair.client.closed.has_value(); });
    CHECK(pair.client.closed->code);
  }
}

TEST_CASE("what a callback throws comes out of the loop, and the connection goes on") {
  Loop loop;
  TlsPair pair(loop);
  pair.server.stream->on_secured([](const TlsInfo&) { throw std::string("thrown"); });
  pair.client.stream->write("data");
  CHECK_THROWS_AS(run_until(loop, [&] { return !pair.server.received.empty(); }), std::string);
  run_until(loop, [&] { return pair.server.received == "data"; });
}

TEST_CASE("a context may be destroyed before the streams that use it") {
  Loop loop;
  auto pair = [&] {
    const auto client = tls_site().client();
    const auto server = tls_site().server();
    return std::make_unique<TlsPair>(loop, client, server);
  }();
  pair->client.stream->write("hello");
  run_until(loop, [&] { return pair->server.received == "hello"; });
}

}  // namespace
