#include "protocols/challenge.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "support/pieces.hpp"
#include "support/toy_mac.hpp"

using protocols::as_bytes;
using protocols::as_text;
using protocols::Bytes;
using protocols::Challenge;

TEST_SUITE("challenge") {
  static constexpr auto client_side = Challenge::Side::client;
  static constexpr auto server_side = Challenge::Side::server;

  static Challenge server(char nonce = 's', std::string secret = "secret") {
    return {server_side, nonce_of(nonce), toy_mac(std::move(secret))};
  }
  static Challenge client(char nonce = 'c', std::string secret = "secret") {
    return {client_side, nonce_of(nonce), toy_mac(std::move(secret))};
  }
  static std::string output(Challenge & of) { return std::string(as_text(of.take_output())); }

  // What it answers to `text`.
  static std::string answer(Challenge & to, std::string_view text) {
    CHECK(to.feed(as_bytes(text)).empty());
    return output(to);
  }

  static std::string proof(std::string_view label, char servers, char clients) {
    const std::string message =
        std::string(label) + std::string(32, servers) + std::string(32, clients);
    return std::string(as_text(toy_mac("secret")(as_bytes(message))));
  }

  TEST_CASE("two that share a secret pass, by the bytes that are documented") {
    Challenge ours = server(), theirs = client();
    const std::string nonce = output(ours);
    CHECK(nonce == std::string(32, 's'));
    CHECK(output(theirs) == "");
    const std::string proven = answer(theirs, nonce);
    CHECK(proven == std::string(32, 'c') + proof("uvreactor challenge 1 client", 's', 'c'));
    CHECK_FALSE(theirs.passed());
    const std::string proven_back = answer(ours, proven);
    CHECK(proven_back == proof("uvreactor challenge 1 server", 's', 'c'));
    CHECK(ours.passed());
    CHECK(answer(theirs, proven_back) == "");
    CHECK(theirs.passed());
  }

  TEST_CASE("what lies behind the exchange is left, wherever the stream is cut") {
    Challenge ours = server(), theirs = client();
    const std::string to_client = output(ours);
    const std::string to_server = answer(theirs, to_client);
    const std::string last = answer(ours, to_server);

    struct Direction {
      Challenge (*fresh)();
      std::string wire;
      std::string sent;
    };
    for (const Direction& direction :
         {Direction{[] { return server(); }, to_server, to_client + last},
          Direction{[] { return client(); }, to_client + last, to_server}}) {
      for_each_split(direction.wire + "behind", [&](const Pieces& pieces, const std::string& how) {
        CAPTURE(how);
        Challenge side = direction.fresh();
        std::string sent = output(side), behind;
        for (const std::string_view piece : pieces) {
          behind += as_text(side.feed(as_bytes(piece)));
          sent += output(side);
          REQUIRE((behind.empty() || side.passed()));
        }
        REQUIRE(side.passed());
        REQUIRE_FALSE(side.failed());
        REQUIRE(behind == "behind");
        REQUIRE(sent == direction.sent);
      });
    }
  }

  TEST_CASE("a client without the secret fails, and learns nothing from the server") {
    Challenge ours = server(), theirs = client('c', "guessed");
    CHECK(answer(ours, answer(theirs, output(ours))) == "");
    CHECK(ours.failed());
    CHECK_FALSE(ours.passed());
  }

  TEST_CASE("a server without the secret fails") {
    Challenge theirs = client();
    Challenge impostor = server('s', "guessed");
    (void)answer(theirs, output(impostor));
    const std::string guessed = std::string(as_text(toy_mac("guessed")(
        as_bytes("uvreactor challenge 1 server" + std::string(32, 's') + std::string(32, 'c')))));
    CHECK(answer(theirs, guessed) == "");
    CHECK(theirs.failed());
  }

  TEST_CASE("an answer that was recorded fails on the next connection, in both directions") {
    Challenge ours = server('1'), theirs = client('1');
    const std::string nonce = output(ours);
    const std::string recorded = answer(theirs, nonce);
    const std::string recorded_back = answer(ours, recorded);
    REQUIRE(ours.passed());

    Challenge next_server = server('2');
    (void)next_server.take_output();
    CHECK(answer(next_server, recorded) == "");
    CHECK(next_server.failed());

    Challenge next_client = client('2');
    (void)answer(next_client, nonce);
    (void)answer(next_client, recorded_back);
    CHECK(next_client.failed());
  }

  TEST_CASE("an answer that is reflected fails") {
    Challenge theirs = client('x');
    const std::string own = answer(theirs, std::string(32, 'x'));  // Even with the same nonces.
    (void)answer(theirs, own.substr(32));
    CHECK(theirs.failed());

    // A server's proof, had for a nonce of one's own choice, is none that a client could give.
    Challenge ours = server('x'), another = client('x');
    const std::string servers_proof = answer(ours, answer(another, output(ours)));
    Challenge same = server('x');
    (void)same.take_output();
    CHECK(answer(same, std::string(32, 'x') + servers_proof) == "");
    CHECK(same.failed());
  }

  TEST_CASE("each wrong bit fails") {
    Challenge first = server(), theirs = client();
    const std::string good = answer(theirs, output(first));
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
      std::string bad = good;
      bad[bit / 8] = static_cast<char>(static_cast<unsigned char>(bad[bit / 8]) ^ (1U << bit % 8));
      Challenge ours = server();
      (void)ours.take_output();
      REQUIRE(answer(ours, bad) == "");
      REQUIRE(ours.failed());
    }
  }

  TEST_CASE("an answer that is cut off neither passes nor fails") {
    Challenge first = server(), theirs = client();
    const std::string good = answer(theirs, output(first));
    for (std::size_t size = 0; size < good.size(); ++size) {
      Challenge ours = server();
      (void)ours.take_output();
      REQUIRE(answer(ours, good.substr(0, size)) == "");
      REQUIRE_FALSE(ours.passed());
      REQUIRE_FALSE(ours.failed());
    }
  }

  TEST_CASE("a failure is final: the right proof after a wrong one does not pass") {
    Challenge theirs = client();
    Challenge ours = server();
    const std::string good = answer(theirs, output(ours));
    const std::string nonce = good.substr(0, 32), right = good.substr(32);
    const std::string wrong(32, 'x');
    CHECK(answer(ours, nonce + wrong) == "");
    REQUIRE(ours.failed());
    CHECK(answer(ours, right) == "");
    CHECK(ours.failed());
    CHECK_FALSE(ours.passed());

    Challenge at_once = server();
    (void)at_once.take_output();
    CHECK(answer(at_once, nonce + wrong + right) == "");
    CHECK(at_once.failed());
    CHECK_FALSE(at_once.passed());

    const std::string servers = proof("uvreactor challenge 1 server", 's', 'c');
    CHECK(answer(theirs, wrong) == "");
    REQUIRE(theirs.failed());
    CHECK(answer(theirs, servers) == "");
    CHECK(theirs.failed());
    CHECK_FALSE(theirs.passed());
  }
}
