#include "protocols/scram.hpp"

#include <doctest/doctest.h>

#include <string>

#include "support/toy_mac.hpp"

using protocols::as_bytes;
using protocols::as_text;
using protocols::Bytes;
using protocols::ScramClient;
using protocols::ScramCrypto;
using protocols::ScramServer;
using protocols::ScramVerifier;

// The vectors of RFC 7677 need real hashes: tests/samples/sha256_test.cpp.
TEST_SUITE("scram") {
  static ScramCrypto toy_crypto() {
    const auto hmac = [](Bytes key, Bytes message) {
      return toy_mac(std::string(as_text(key)))(message);
    };
    return {.hash = toy_mac("hash"),
            .hmac = hmac,
            .hi = [hmac](Bytes password, Bytes salt, unsigned) { return hmac(password, salt); }};
  }

  static ScramServer server(std::string nonce = "servers") {
    return {std::move(nonce), toy_crypto(), [](std::string_view user) -> ScramVerifier {
              if (user == "ann,=") return make_verifier(toy_crypto(), "pencil", "salt", 4096);
              return make_decoy(toy_crypto(), as_bytes("key"), user, 4, 4096);
            }};
  }
  static ScramClient client(std::string password = "pencil", std::string user = "ann,=") {
    return {std::move(user), std::move(password), "clients", toy_crypto()};
  }

  // What the server says last.
  static std::string login(ScramServer & ours, ScramClient & theirs) {
    const auto proof = theirs.final(ours.first(theirs.first()));
    REQUIRE(proof);
    return ours.final(*proof);
  }

  TEST_CASE("who knows the password passes, and so does the server to the client") {
    ScramServer ours = server();
    ScramClient theirs = client();
    CHECK(theirs.first() == "n,,n=ann=2C=3D,r=clients");
    const std::string signature = login(ours, theirs);
    CHECK(ours.passed());
    CHECK(ours.user() == "ann,=");
    CHECK(theirs.verify(signature));
    CHECK_FALSE(theirs.verify("v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="));
    CHECK_FALSE(theirs.verify("e=invalid-proof"));
    CHECK_FALSE(client().verify(signature));
  }

  TEST_CASE("a wrong password and an unknown user get the same answers") {
    ScramServer first = server(), second = server();
    ScramClient wrong = client("pen"), unknown = client("pencil", "eve");
    CHECK(login(first, wrong) == "e=invalid-proof");
    CHECK(login(second, unknown) == "e=invalid-proof");
    CHECK_FALSE(first.passed());
    CHECK_FALSE(second.passed());
  }

  TEST_CASE("an unknown user has the same salt each time, and another than others have") {
    const std::string once = server().first("n,,n=eve,r=x");
    CHECK(once == server().first("n,,n=eve,r=x"));
    CHECK(once != server().first("n,,n=mallory,r=x"));
  }

  TEST_CASE("a proof that was recorded fails on the next login") {
    ScramServer ours = server(), next = server("another");
    ScramClient theirs = client();
    const std::string proof = theirs.final(ours.first(theirs.first())).value();
    (void)next.first(theirs.first());
    CHECK(next.final(proof) == "e=other-error");
    CHECK_FALSE(next.passed());
  }

  TEST_CASE("a first message that is none is refused") {
    const char* const cases[][2] = {
        {"", "e=other-error"},
        {"n,", "e=other-error"},
        {"n,,", "e=other-error"},
        {"n,,n=ann", "e=other-error"},
        {"n,,n=ann,r=", "e=other-error"},
        {"n,,n=ann,r=a b", "e=other-error"},
        {"n,,n=,r=x", "e=other-error"},
        {"n,a=eve,n=ann,r=x", "e=other-error"},
        {"n,,n=a=ZZ,r=x", "e=invalid-username-encoding"},
        {"n,,n=a=,r=x", "e=invalid-username-encoding"},
        {"n,,m=ext,n=ann,r=x", "e=extensions-not-supported"},
        {"p=tls-unique,,n=ann,r=x", "e=channel-binding-not-supported"},
    };
    for (const auto& one : cases) {
      const char* const message = one[0];
      const char* const answer = one[1];
      CAPTURE(message);
      ScramServer ours = server();
      const std::string said = ours.first(message);
      if (std::string_view(message) == "n,,n=,r=x") {
        CHECK(said.starts_with("e="));
      } else {
        CHECK(said == answer);
      }
      CHECK(ours.first("n,,n=ann,r=x") == "e=other-error");  // A failure is final.
    }
  }

  TEST_CASE("each changed letter of a last message fails") {
    ScramClient theirs = client();
    ScramServer recorder = server();
    const std::string proof = theirs.final(recorder.first(theirs.first())).value();
    for (std::size_t at = 0; at < proof.size(); ++at) {
      ScramServer ours = server();
      (void)ours.first(theirs.first());
      std::string changed = proof;
      changed[at] = changed[at] == 'A' ? 'B' : 'A';
      CAPTURE(changed);
      CHECK(ours.final(changed).starts_with("e="));
      CHECK_FALSE(ours.passed());
    }
    ScramServer early = server();
    CHECK(early.final(proof) == "e=other-error");
  }

  TEST_CASE("a client refuses a server's first message that is none, or weak") {
    for (const char* const message :
         {"", "e=other-error", "r=clientsX,s=c2FsdA==", "r=clients,s=c2FsdA==,i=4096",
          "r=other,s=c2FsdA==,i=4096", "r=clientsX,s=,i=4096", "r=clientsX,s=!,i=4096",
          "r=clientsX,s=c2FsdA==,i=4095", "r=clientsX,s=c2FsdA==,i=10000001",
          "r=clientsX,s=c2FsdA==,i=-1", "r=clientsX,s=c2FsdA==,i=4096x", "m=x,r=clientsX"}) {
      CAPTURE(message);
      CHECK_FALSE(client().final(message));
    }
    CHECK(client().final("r=clientsX,s=c2FsdA==,i=4096"));
  }
}
