// What a session and the user of a Framed can do with decoders: respond to an error, change the
// settings, and continue with a decoder of another kind.
#include <doctest/doctest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "protocols/behind_proxy_header.hpp"
#include "protocols/decoder.hpp"
#include "protocols/frame_decoder.hpp"
#include "protocols/length_prefixed.hpp"
#include "protocols/lines.hpp"
#include "reactor/framed.hpp"
#include "reactor/networks.hpp"
#include "reactor/server.hpp"
#include "support/peer.hpp"
#include "support/run_until.hpp"

using protocols::Bytes;
using protocols::LengthPrefixedDecoder;
using protocols::LineDecoder;
using reactor::Error;
using reactor::Framed;
using reactor::Loop;
using reactor::Server;
using reactor::Stream;

namespace {

// Echoes lines of at most four bytes, and replies to a longer line with the error.
struct ShortLines {
  Stream& stream;
  std::optional<Error>& closed;

  void on_frame(std::string_view line) { stream.write(std::string(line) + ";"); }
  void on_decode_error(std::error_code error) { stream.write("-ERR " + error.message() + "\n"); }
  void on_close(const Error& error) { closed = error; }
};

struct ShortLineServer {
  explicit ShortLineServer(Loop& loop)
      : server(std::move(
            *Server<ShortLines, LineDecoder>::listen(loop, any_address(Transport::tcp4), {},
                                                     [this](Stream& stream) {
                                                       return ShortLines{stream, closed};
                                                     }))),
        client(loop, connect_to(server.address())) {
    server.set_decoder([] { return LineDecoder({.max_line_bytes = 4}); });
  }
  std::optional<Error> closed;
  Server<ShortLines, LineDecoder> server;
  Peer client;
};

// Reads lines, of any length after the line `long`, and length-prefixed messages after `binary`.
struct Upgrading {
  Upgrading(Stream& of) : stream(of) {}

  void on_frame(std::string_view line, LineDecoder& lines) {
    if (line == "long") lines.protocol().max_line_bytes = 1000;
    if (line == "binary") {
      binary.emplace(
          stream, LengthPrefixedDecoder(),
          [this](Bytes message) {
            stream.write("message " + std::string(protocols::as_text(message)) + ";");
          },
          lines.rest());
      return;
    }
    stream.write("line " + std::string(line) + ";");
  }
  void on_decode_error(std::error_code) { stream.write("error;"); }

  Stream& stream;
  std::optional<Framed<LengthPrefixedDecoder>> binary;
};

struct UpgradingServer {
  explicit UpgradingServer(Loop& loop)
      : server(std::move(*Server<Upgrading, LineDecoder>::listen(loop, "127.0.0.1:0"))),
        client(loop, connect_to(server.address())) {
    server.set_decoder([] { return LineDecoder({.max_line_bytes = 6}); });
  }
  Server<Upgrading, LineDecoder> server;
  Peer client;
};

// Replies with the address from which the client connected to its proxy, if it has one.
struct BehindProxy {
  using Decoder = protocols::BehindProxyHeader<LineDecoder>;

  Stream& stream;

  void on_frame(std::string_view line, Decoder& decoder) {
    const auto header = decoder.header();
    const std::string from = header ? ip_text(header->source, header->is_ipv6()) : "none";
    stream.write(from + ": " + std::string(line) + ";");
  }
  void on_decode_error(std::error_code error) { stream.write(error.message()); }
};

struct ProxiedServer {
  ProxiedServer(Loop& loop, std::string_view trusted)
      : server(std::move(*Server<BehindProxy, BehindProxy::Decoder>::listen(loop, "127.0.0.1:0"))),
        client(loop, connect_to(server.address())) {
    REQUIRE(proxies.add(trusted));
    server.set_decoder([this](Stream& stream) {
      const auto peer = stream.socket().peer_address();
      return BehindProxy::Decoder(LineDecoder(), peer && proxies.contain(*peer));
    });
  }
  reactor::Networks proxies;
  Server<BehindProxy, BehindProxy::Decoder> server;
  Peer client;
};

struct DecodedEnds {
  explicit DecodedEnds(Loop& loop) {
    auto sockets = connected_sockets(Transport::tcp4);
    near.emplace(loop, std::move(sockets[0]));
    near->on_close([this](const Error& error) { closed = error; });
    far.emplace(loop, std::move(sockets[1]));
  }
  std::optional<Stream> near;
  std::optional<Peer> far;
  std::optional<Error> closed;
};

struct ByReference {
  using Frame = const int&;
  void feed(Bytes);
  std::optional<int> next();
  void copy_tail();
  std::error_code error() const;
  bool at_boundary() const;
};

}  // namespace

TEST_SUITE("session_framing") {
  TEST_CASE("a session replies to a decode error after its other replies, and then it ends") {
    Loop loop;
    ShortLineServer of(loop);
    of.client.send("one\nsixsix\ntwo\n");
    run_until(loop, [&] { return of.client.over(); });
    CHECK(of.client.received() == "one;-ERR longer than the configured maximum\n");
    CHECK(of.client.ended());
    of.client.close();
    run_until(loop, [&] { return of.closed.has_value(); });
    CHECK(of.closed->code == protocols::DecodeError::too_large);
  }

  TEST_CASE("a session also replies to a peer that ends its side inside a frame") {
    Loop loop;
    ShortLineServer of(loop);
    of.client.send("one\ntw");
    of.client.finish();
    run_until(loop, [&] { return of.client.over() && of.closed; });
    CHECK(of.client.received() == "one;-ERR " + reactor::ended_inside_frame().message() + "\n");
    CHECK(of.closed->code == reactor::ended_inside_frame());
  }

  TEST_CASE("the stream ends with the decode error, whatever its callback does") {
    for (const std::string what : {"close", "abort", "destroy the stream", "throw", "nothing"}) {
      CAPTURE(what);
      Loop loop;
      DecodedEnds ends(loop);
      int calls = 0;
      Framed framed(*ends.near, LineDecoder({.max_line_bytes = 1}), [](std::string_view) {});
      framed.on_decode_error([&](std::error_code error) {
        CHECK(error == protocols::DecodeError::too_large);
        ++calls;
        if (what == "close") ends.near->close();
        if (what == "abort") ends.near->abort();
        if (what == "destroy the stream") ends.near.reset();
        if (what == "throw") throw std::runtime_error("thrown");
      });
      ends.far->send("long\n");
      const auto ended = [&] { return ends.far->over(); };
      if (what == "throw") CHECK_THROWS_WITH(run_until(loop, ended), "thrown");
      run_until(loop, ended);
      ends.far->close();
      run_until(loop, [&] { return ends.closed || !ends.near; });
      CHECK(calls == 1);
    }
  }

  TEST_CASE("a decode error callback that destroys the framing keeps the stream") {
    Loop loop;
    DecodedEnds ends(loop);
    std::optional<Framed<LineDecoder>> framed;
    framed.emplace(*ends.near, LineDecoder({.max_line_bytes = 1}), [](std::string_view) {});
    framed->on_decode_error([&](std::error_code) {
      framed.reset();
      ends.near->write("still here");
    });
    ends.far->send("long\n");
    run_until(loop, [&] { return ends.far->received() == "still here"; });
    loop.poll();
    CHECK_FALSE(ends.closed);
    CHECK_FALSE(ends.far->over());
  }

  TEST_CASE("a session changes the settings of its decoder within a batch of frames") {
    Loop loop;
    UpgradingServer of(loop);
    of.client.send("long\nlonger than six\n");
    run_until(loop, [&] { return of.client.received() == "line long;line longer than six;"; });
  }

  TEST_CASE(
      "a session continues with another decoder, which receives the bytes left by the first") {
    using namespace std::string_view_literals;
    constexpr auto sent = "one\nbinary\n\0\0\0\3two\0\0\0\5three"sv;
    for (std::size_t cut = 0; cut <= sent.size(); ++cut) {
      CAPTURE(cut);
      Loop loop;
      UpgradingServer of(loop);
      of.client.send(sent.substr(0, cut));
      run_until(loop, [&] { return cut < 4 || !of.client.received().empty(); });
      of.client.send(sent.substr(cut));
      run_until(loop,
                [&] { return of.client.received() == "line one;message two;message three;"; });
    }
  }

  TEST_CASE("after the switch the session receives nothing more from its first decoder") {
    Loop loop;
    UpgradingServer of(loop);
    of.client.send("binary\nmuch longer than six bytes");  // "much" is a length above the limit.
    run_until(loop, [&] { return of.client.over(); });
    CHECK(of.client.received().empty());
  }

  TEST_CASE("a server believes the header of a proxy only if it trusts the peer") {
    constexpr std::string_view header = "PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\n";
    Loop loop;
    ProxiedServer trusting(loop, "127.0.0.0/8");
    trusting.client.send(std::string(header) + "hello\n");
    run_until(loop, [&] { return trusting.client.received() == "192.0.2.7: hello;"; });

    ProxiedServer wary(loop, "10.0.0.0/8");
    wary.client.send("hello\n");
    run_until(loop, [&] { return wary.client.received() == "none: hello;"; });

    ProxiedServer unproxied(loop, "127.0.0.0/8");
    unproxied.client.send("hello\n");
    run_until(loop, [&] { return unproxied.client.over(); });
    CHECK(unproxied.client.received() == "no header of the PROXY protocol");
  }

  TEST_CASE("a frame must be a value, and any other frame type fails at compile time") {
    static_assert(reactor::Decoder<LineDecoder> && protocols::Decoder<LineDecoder>);
    static_assert(!reactor::Decoder<ByReference> && !protocols::Decoder<ByReference>);
  }
}
