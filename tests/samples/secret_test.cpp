#include "samples/support/secret.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <utility>

#include "support/peer.hpp"
#include "support/run_until.hpp"
#include "support/toy_mac.hpp"

using reactor::Error;
using reactor::Loop;
using reactor::Stream;
using samples::Challenge;
using samples::Gate;

namespace {

// A stream behind a gate, and the plain socket of its peer.
struct Guarded {
  explicit Guarded(Loop& loop, std::chrono::milliseconds timeout = std::chrono::minutes(1))
      : stream(loop, std::move(pair[0])),
        peer(loop, std::move(pair[1])),
        gate(loop, stream,
             Challenge(Challenge::Side::server, nonce_of('s'), toy_mac("secret"), binding),
             timeout) {
    stream.on_data([this](Stream::Bytes bytes) { behind += protocols::as_text(gate.pass(bytes)); });
    stream.on_close([this](const Error& error) { reason = error.message(); });
  }

  const samples::ChallengeBinding binding{"echo", {"192.0.2.1:9000", "unix:/run/echo"}, {}};
  std::array<reactor::Socket, 2> pair = connected_sockets(Transport::unix_socket);
  std::string behind;
  std::optional<std::string> reason;
  Stream stream;
  Peer peer;
  Gate gate;
};

}  // namespace

TEST_SUITE("gate") {
  TEST_CASE(
      "the gate opens for a peer with the secret, and the bytes after it are passed to the user") {
    Loop loop;
    Guarded on(loop);
    Challenge client(Challenge::Side::client, nonce_of('c'), toy_mac("secret"),
                     {"echo", {"unix:/run/echo"}, {}});
    run_until(loop, [&] { return on.peer.received().size() == 32; });
    (void)client.feed(protocols::as_bytes(on.peer.received()));
    on.peer.send(std::string(protocols::as_text(client.take_output())) + "hello");
    run_until(loop, [&] { return on.peer.received().size() == 64; });
    (void)client.feed(protocols::as_bytes(on.peer.received().substr(32)));
    CHECK(client.passed());
    CHECK(on.gate.is_open());
    CHECK(on.behind == "hello");
  }

  TEST_CASE("one wrong proof ends the stream, and the error names possible causes") {
    Loop loop;
    Guarded on(loop);
    on.peer.send(std::string(64, 'x') + "hello");
    run_until(loop, [&] { return on.peer.over(); });
    on.peer.close();
    run_until(loop, [&] { return on.reason.has_value(); });
    CHECK(on.reason->ends_with(
        ": permission denied (it does not know the secret, or is connected to another address than "
        "192.0.2.1:9000 or unix:/run/echo; --reached-as names further addresses)"));
    CHECK(on.peer.received() == std::string(32, 's'));
    CHECK(on.behind.empty());
    CHECK_FALSE(on.gate.is_open());
  }

  TEST_CASE("a peer that stalls at any byte is given up") {
    Loop loop;
    for (const std::size_t sent : {std::size_t{0}, std::size_t{1}, std::size_t{63}}) {
      Guarded on(loop, std::chrono::milliseconds(1));
      on.peer.send(std::string(sent, 'x'));
      run_until(loop, [&] { return on.peer.over(); });
      on.peer.close();
      run_until(loop, [&] { return on.reason.has_value(); });
      CHECK(on.reason->ends_with(": connection timed out (it has not proven the secret in time)"));
    }
  }

  TEST_CASE("an open gate has no timeout") {
    Loop loop;
    Guarded on(loop, std::chrono::milliseconds(50));
    Challenge client(Challenge::Side::client, nonce_of('c'), toy_mac("secret"),
                     {"echo", {"unix:/run/echo"}, {}});
    (void)client.feed(protocols::as_bytes(std::string(32, 's')));
    on.peer.send(protocols::as_text(client.take_output()));
    run_until(loop, [&] { return on.gate.is_open(); });
    bool later = false;
    const auto timer =
        reactor::Timer::after(loop, std::chrono::milliseconds(100), [&] { later = true; });
    run_until(loop, [&] { return later; });
    CHECK_FALSE(on.reason);
  }
}
