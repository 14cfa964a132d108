#include "samples/support/scram.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "protocols/base64.hpp"
#include "support/toy_mac.hpp"

using protocols::as_bytes;
using protocols::as_text;
using protocols::Bytes;
using samples::ChannelBinding;
using samples::ScramBinding;
using samples::ScramClient;
using samples::ScramCrypto;
using samples::ScramServer;
using samples::ScramVerifier;

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

  static ScramServer server(std::string nonce = "servers",
                            std::vector<ChannelBinding> bindings = {}) {
    const auto lookup = [](std::string_view user) -> ScramVerifier {
      if (user == "ann,=") return make_verifier(toy_crypto(), "pencil", "salt", 4096);
      return make_decoy(toy_crypto(), as_bytes("key"), user, 4, 4096);
    };
    return {std::move(nonce), toy_crypto(), lookup, std::move(bindings)};
  }
  static ScramClient client(std::string password = "pencil",
                            std::string user = "ann,=", ScramBinding binding = {}) {
    return {std::move(user), std::move(password), "clients", toy_crypto(), std::move(binding)};
  }
  static ScramClient bound_client(std::string type, std::string data) {
    return client("pencil",
                  "ann,=", ScramBinding::of({.type = std::move(type), .data = std::move(data)}));
  }

  // The last message of the server.
  static std::string login(ScramServer & ours, ScramClient & theirs) {
    const auto proof = theirs.final(ours.first(theirs.first()));
    REQUIRE(proof);
    return ours.final(*proof);
  }

  TEST_CASE("a client with the password passes, and so does the server at the client") {
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

  TEST_CASE("a wrong password and an unknown user get the same responses") {
    ScramServer first = server(), second = server();
    ScramClient wrong = client("pen"), unknown = client("pencil", "eve");
    CHECK(login(first, wrong) == "e=invalid-proof");
    CHECK(login(second, unknown) == "e=invalid-proof");
    CHECK_FALSE(first.passed());
    CHECK_FALSE(second.passed());
  }

  TEST_CASE("an unknown user gets the same salt each time, and a different one from other users") {
    const std::string once = server().first("n,,n=eve,r=x");
    CHECK(once == server().first("n,,n=eve,r=x"));
    CHECK(once != server().first("n,,n=mallory,r=x"));
  }

  TEST_CASE("a recorded proof fails at the next login") {
    ScramServer ours = server(), next = server("another");
    ScramClient theirs = client();
    const std::string proof = theirs.final(ours.first(theirs.first())).value();
    (void)next.first(theirs.first());
    CHECK(next.final(proof) == "e=other-error");
    CHECK_FALSE(next.passed());
  }

  TEST_CASE("an invalid first message is refused") {
    const char* const cases[][2] = {
        {"", "e=other-error"},
        {"n,", "e=other-error"},
        {"n,,", "e=other-error"},
        {"n,,n=ann", "e=other-error"},
        {"n,,n=ann,r=", "e=other-error"},
        {"n,,n=ann,r=a b", "e=other-error"},
        {"n,,n=,r=x", "e=other-error"},
        {"n,a=eve,n=ann,r=x", "e=other-error"},
        {"n,a=eve,,n=ann,r=x", "e=other-error"},
        {"p=end,a=eve,,n=ann,r=x", "e=other-error"},
        {"N,,n=ann,r=x", "e=other-error"},
        {"p=,,n=ann,r=x", "e=other-error"},
        {"p,,n=ann,r=x", "e=other-error"},
        {",,n=ann,r=x", "e=other-error"},
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

  TEST_CASE(
      "a login that is bound to the channel passes at a server that has the same binding data") {
    const std::string data("\0exported,=\xff", 12);
    ScramServer ours = server("servers", {{.type = "tls-exporter", .data = data}});
    ScramClient theirs = bound_client("tls-exporter", data);
    CHECK(theirs.first() == "p=tls-exporter,,n=ann=2C=3D,r=clients");
    const std::string challenge = ours.first(theirs.first());
    CHECK(challenge == "r=clientsservers,s=c2FsdA==,i=4096");
    const std::string proof = theirs.final(challenge).value();
    CHECK(proof.starts_with("c=" + protocols::to_base64("p=tls-exporter,," + data) + ",r="));
    CHECK(theirs.verify(ours.final(proof)));
    CHECK(ours.passed());
    CHECK(ours.is_bound());
  }

  TEST_CASE(
      "a server with several bindings of one type, or of several types, accepts each of them") {
    const std::vector<ChannelBinding> bindings{{.type = "tls-exporter", .data = "e"},
                                               {.type = "end", .data = "1"},
                                               {.type = "end", .data = "2"}};
    for (const ChannelBinding& one : bindings) {
      ScramServer ours = server("servers", bindings);
      ScramClient theirs = bound_client(one.type, one.data);
      CHECK(theirs.verify(login(ours, theirs)));
    }
    for (const auto& [type, data] : {std::pair("end", "3"), std::pair("end", "e"),
                                     std::pair("end", ""), std::pair("tls-exporter", "1")}) {
      ScramServer ours = server("servers", bindings);
      ScramClient theirs = bound_client(type, data);
      CHECK(login(ours, theirs) == "e=channel-bindings-dont-match");
      CHECK_FALSE(ours.passed());
    }
  }

  TEST_CASE("a server handles each flag as RFC 5802 requires, with and without bindings") {
    const std::vector<ChannelBinding> none, some{{.type = "tls-exporter", .data = "x"}};
    const auto refusal_of = [](const std::vector<ChannelBinding>& bindings, ScramBinding binding) {
      ScramServer ours = server("servers", bindings);
      const ScramClient theirs = client("pencil", "ann,=", std::move(binding));
      const std::string answer = ours.first(theirs.first());
      CHECK(ours.final("c=biws,r=clientsservers,p=").starts_with("e="));
      return answer.starts_with("r=") ? "" : answer;
    };
    const auto of = [](const char* type) { return ScramBinding::of({.type = type, .data = "x"}); };
    CHECK(refusal_of(none, {}) == "");
    CHECK(refusal_of(some, {}) == "");
    CHECK(refusal_of(none, ScramBinding::not_offered()) == "");
    CHECK(refusal_of(some, ScramBinding::not_offered()) == "e=server-does-support-channel-binding");
    CHECK(refusal_of(none, of("tls-exporter")) == "e=channel-binding-not-supported");
    CHECK(refusal_of(some, of("tls-exporter")) == "");
    CHECK(refusal_of(some, of("tls-unique")) == "e=unsupported-channel-binding-type");
    CHECK(refusal_of(some, of("TLS-exporter")) == "e=unsupported-channel-binding-type");
    CHECK(refusal_of(some, of("")) == "e=other-error");
    CHECK(refusal_of(some, of("a b")) == "e=other-error");
  }

  TEST_CASE("a client that was not offered a binding passes at a server that has none") {
    ScramServer ours = server();
    ScramClient theirs = client("pencil", "ann,=", ScramBinding::not_offered());
    CHECK(theirs.first().starts_with("y,,n="));
    CHECK(theirs.verify(login(ours, theirs)));
    CHECK_FALSE(ours.is_bound());
  }

  TEST_CASE("a relay that strips or exchanges the binding of a login breaks its proof") {
    const std::string bound = "p=end,,", bare = "n=ann=2C=3D,r=clients";
    for (const std::string header : {"n,,", "p=end,,", "p=other,,"}) {
      for (const std::string data : {"", "rogue", "server"}) {
        ScramServer ours = server(
            "servers", {{.type = "end", .data = "server"}, {.type = "other", .data = "server"}});
        ScramClient theirs = bound_client("end", "rogue");  // The client is connected to the relay.
        REQUIRE(theirs.first() == bound + bare);
        std::string proof = theirs.final(ours.first(header + bare)).value();
        CHECK(proof.starts_with("c=" + protocols::to_base64(bound + "rogue") + ","));
        proof.replace(2, proof.find(',') - 2, protocols::to_base64(header + data));
        CHECK(ours.final(proof).starts_with("e="));
        CHECK_FALSE(ours.passed());
      }
    }
  }

  TEST_CASE("a relay cannot bind a login that its client has not bound") {
    ScramServer ours = server("servers", {{.type = "end", .data = "server"}});
    ScramClient theirs = client();
    std::string proof = theirs.final(ours.first("p=end,,n=ann=2C=3D,r=clients")).value();
    proof.replace(2, 4, protocols::to_base64("p=end,,server"));
    CHECK(ours.final(proof) == "e=invalid-proof");
  }

  TEST_CASE("a binding is accepted only as the exact base64 of the header and the data") {
    const std::string good = protocols::to_base64("p=end,,server");
    for (const std::string& bad : std::vector<std::string>{
             std::string(), good + "=", good + "AAAA", good.substr(1),
             protocols::to_base64("p=end,,serve"), std::string("biws"),
             protocols::to_base64("p=end,,serverx"), std::string("p=end,,server")}) {
      CAPTURE(bad);
      ScramServer ours = server("servers", {{.type = "end", .data = "server"}});
      ScramClient theirs = bound_client("end", "server");
      std::string proof = theirs.final(ours.first(theirs.first())).value();
      proof.replace(2, good.size(), bad);
      CHECK(ours.final(proof) == "e=channel-bindings-dont-match");
    }
  }

  TEST_CASE("a last message with any changed letter fails") {
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

  TEST_CASE("a client refuses an invalid or weak first message of the server") {
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
