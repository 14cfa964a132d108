#include "samples/support/challenge.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "support/any_split.hpp"
#include "support/toy_mac.hpp"

using protocols::as_bytes;
using protocols::as_text;
using protocols::Bytes;
using samples::Challenge;
using samples::ChallengeBinding;

TEST_SUITE("challenge") {
  static constexpr auto client_side = Challenge::Side::client;
  static constexpr auto server_side = Challenge::Side::server;

  static const ChallengeBinding at_server{"echo", {"192.0.2.1:9000"}, "tls"};

  static Challenge server(char nonce = 's', std::string secret = "secret",
                          ChallengeBinding binding = at_server) {
    return {server_side, nonce_of(nonce), toy_mac(std::move(secret)), std::move(binding)};
  }
  static Challenge client(char nonce = 'c', std::string secret = "secret",
                          ChallengeBinding binding = at_server) {
    return {client_side, nonce_of(nonce), toy_mac(std::move(secret)), std::move(binding)};
  }
  static std::string output(Challenge & of) { return std::string(as_text(of.take_output())); }

  // Its reply to `text`.
  static std::string answer(Challenge & to, std::string_view text) {
    CHECK(to.feed(as_bytes(text)).empty());
    return output(to);
  }

  static std::string proof(const std::string& label, char servers, char clients,
                           const std::string& secret = "secret") {
    const std::string message =
        std::string("\0\0\0\x1c", 4) + label + std::string("\0\0\0\4echo", 8) +
        std::string(
            "\0\0\0\xe"
            "192.0.2.1:9000",
            18) +
        std::string("\0\0\0\3tls", 7) + std::string("\0\0\0\x20", 4) + std::string(32, servers) +
        std::string("\0\0\0\x20", 4) + std::string(32, clients);
    return std::string(as_text(toy_mac(secret)(as_bytes(message))));
  }

  // Whether a client with one binding passes at a server with the other. Both sides must always
  // reach the same result.
  static bool agree(const ChallengeBinding& clients, const ChallengeBinding& servers) {
    Challenge ours = server('s', "secret", servers), theirs = client('c', "secret", clients);
    (void)answer(theirs, answer(ours, answer(theirs, output(ours))));
    CHECK(ours.passed() != ours.failed());
    CHECK(theirs.passed() == ours.passed());
    return ours.passed();
  }

  TEST_CASE("two sides that share a secret pass, with the bytes that are documented") {
    Challenge ours = server(), theirs = client();
    const std::string nonce = output(ours);
    CHECK(nonce == std::string(32, 's'));
    CHECK(output(theirs) == "");
    const std::string proven = answer(theirs, nonce);
    CHECK(proven == std::string(32, 'c') + proof("uvreactor challenge 2 client", 's', 'c'));
    CHECK_FALSE(theirs.passed());
    const std::string proven_back = answer(ours, proven);
    CHECK(proven_back == proof("uvreactor challenge 2 server", 's', 'c'));
    CHECK(ours.passed());
    CHECK(answer(theirs, proven_back) == "");
    CHECK(theirs.passed());
  }

  TEST_CASE("bytes after the exchange are left for the caller, wherever the stream is cut") {
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
    CHECK(answer(theirs, proof("uvreactor challenge 2 server", 's', 'c', "guessed")) == "");
    CHECK(theirs.failed());
  }

  TEST_CASE("a recorded reply fails on the next connection, in both directions") {
    Challenge ours = server('1'), theirs = client('a');
    const std::string nonce = output(ours);
    const std::string recorded = answer(theirs, nonce);
    const std::string recorded_back = answer(ours, recorded);
    REQUIRE(ours.passed());

    Challenge next_server = server('2');
    (void)next_server.take_output();
    CHECK(answer(next_server, recorded) == "");
    CHECK(next_server.failed());

    Challenge next_client = client('b');
    (void)answer(next_client, nonce);
    (void)answer(next_client, recorded_back);
    CHECK(next_client.failed());
  }

  TEST_CASE("a reflected reply fails") {
    Challenge theirs = client();
    const std::string own = answer(theirs, std::string(32, 's'));
    (void)answer(theirs, own.substr(32));
    CHECK(theirs.failed());

    // An attacker chose the nonce for this proof of a server. No client can use the proof.
    Challenge ours = server(), another = client();
    const std::string servers_proof = answer(ours, answer(another, output(ours)));
    Challenge same = server();
    (void)same.take_output();
    CHECK(answer(same, std::string(32, 'c') + servers_proof) == "");
    CHECK(same.failed());
  }

  TEST_CASE("a peer that returns the nonce of the other side fails, and gets no proof") {
    Challenge theirs = client('x');
    CHECK(answer(theirs, std::string(32, 'x')) == "");
    CHECK(theirs.failed());

    Challenge ours = server('x');
    (void)ours.take_output();
    CHECK(answer(ours, std::string(32, 'x')) == "");
    CHECK(ours.failed());
    CHECK(answer(ours, proof("uvreactor challenge 2 client", 'x', 'x')) == "");
    CHECK_FALSE(ours.passed());
  }

  TEST_CASE("two servers, or two clients, prove nothing to each other") {
    Challenge first = server('1'), second = server('2');
    const std::string nonce = output(first), other_nonce = output(second);
    CHECK(answer(second, nonce) == "");
    CHECK(answer(first, other_nonce) == "");
    CHECK(answer(second, nonce) == "");
    CHECK(answer(first, other_nonce) == "");
    CHECK_FALSE(first.passed());
    CHECK_FALSE(second.passed());

    Challenge one = client('1'), other = client('2');
    CHECK(answer(one, output(other)) == "");
    CHECK(answer(other, output(one)) == "");
    const std::string provoked = answer(one, std::string(32, 'x'));
    (void)answer(one, answer(other, provoked));
    (void)answer(other, provoked.substr(32));
    CHECK_FALSE(one.passed());
    CHECK_FALSE(other.passed());
  }

  TEST_CASE("a proof that a rogue host has relayed is accepted by no other server") {
    const std::vector<ChallengeBinding> others{
        {"echo", {"192.0.2.2:9000"}, "tls"},         {"echo", {"192.0.2.1:9001"}, "tls"},
        {"echo", {"[2001:db8::1]:9000"}, "tls"},     {"echo", {""}, "tls"},
        {"echo", {"192.0.2.1:9000 "}, "tls"},        {"echo", {"192.0.2.1:900"}, "tls"},
        {"commands", {"192.0.2.1:9000"}, "tls"},     {"", {"192.0.2.1:9000"}, "tls"},
        {"echo", {"192.0.2.1:9000"}, "another tls"}, {"echo", {"192.0.2.1:9000"}, ""},
    };
    CHECK(agree(at_server, at_server));
    for (const ChallengeBinding& other : others) {
      CAPTURE(other.service);
      CAPTURE(other.channel_binding);
      CHECK_FALSE(agree(at_server, other));
      CHECK_FALSE(agree(other, at_server));
    }
  }

  TEST_CASE("a side without an endpoint sends no proof and accepts none") {
    Challenge ours = server('s', "secret", {"echo", {}, ""}), theirs = client();
    CHECK(answer(ours, answer(theirs, output(ours))) == "");
    CHECK(ours.failed());
    Challenge nowhere = client('c', "secret", {"echo", {}, ""});
    CHECK(answer(nowhere, std::string(32, 's')) == "");
    CHECK(nowhere.failed());
  }

  TEST_CASE(
      "no two bindings have the same bytes, wherever one field ends and the next one begins") {
    CHECK_FALSE(agree({"ab", {"c"}, "d"}, {"a", {"bc"}, "d"}));
    CHECK_FALSE(agree({"a", {"bc"}, "d"}, {"a", {"b"}, "cd"}));
    CHECK_FALSE(agree({"a", {""}, "b"}, {"a", {"b"}, ""}));
    CHECK_FALSE(agree({"", {"a"}, "b"}, {"a", {""}, "b"}));
    const std::string length("\0\0\0\1", 4);
    CHECK_FALSE(agree({"a" + length + "b", {"c"}, ""}, {"a", {"b" + length + "c"}, ""}));
  }

  TEST_CASE(
      "a server accepts a proof for each of its endpoints, and its own proof is for the same one") {
    const std::vector<std::string> endpoints{"192.0.2.1:1", "[2001:db8::1]:2", "unix:/run/echo"};
    for (const std::string& endpoint : endpoints) {
      CHECK(agree({"echo", {endpoint}, ""}, {"echo", endpoints, ""}));
    }
    CHECK_FALSE(agree({"echo", {"192.0.2.1:2"}, ""}, {"echo", endpoints, ""}));

    // A client uses only its first endpoint.
    CHECK(agree({"echo", {"192.0.2.1:1", "192.0.2.2:2"}, ""}, {"echo", endpoints, ""}));
    CHECK_FALSE(agree({"echo", {"192.0.2.2:2", "192.0.2.1:1"}, ""}, {"echo", endpoints, ""}));
  }

  TEST_CASE(
      "a server makes the same number of proofs whichever of its endpoints is right, or none") {
    const std::vector<std::string> endpoints{"1", "2", "3"};
    for (const char* const endpoint : {"1", "2", "3", "none"}) {
      int made = 0;
      const auto counting = [&](Bytes message) {
        ++made;
        return toy_mac("secret")(message);
      };
      Challenge ours(server_side, nonce_of('s'), counting, {"echo", endpoints, ""});
      Challenge theirs = client('c', "secret", {"echo", {endpoint}, ""});
      (void)answer(ours, answer(theirs, output(ours)));
      CHECK(made == (ours.passed() ? 4 : 3));  // The last one is the server's own proof.
    }
  }

  TEST_CASE("simultaneous exchanges do not accept each other's proofs") {
    Challenge first = server('1'), second = server('2');
    Challenge theirs = client('a'), others = client('b');
    const std::string for_first = answer(theirs, output(first));
    const std::string for_second = answer(others, output(second));
    CHECK(answer(first, for_second) == "");
    CHECK(answer(second, for_first) == "");
    CHECK(first.failed());
    CHECK(second.failed());
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

  TEST_CASE("a truncated reply neither passes nor fails") {
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

    const std::string servers = proof("uvreactor challenge 2 server", 's', 'c');
    CHECK(answer(theirs, wrong) == "");
    REQUIRE(theirs.failed());
    CHECK(answer(theirs, servers) == "");
    CHECK(theirs.failed());
    CHECK_FALSE(theirs.passed());
  }
}
