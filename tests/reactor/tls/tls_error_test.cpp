// Certificates that a client must refuse, each with an error that names the cause.
#include "reactor/tls/tls_error.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <string>

#include "reactor/loop.hpp"
#include "support/tls.hpp"

using reactor::Loop;
using reactor::TlsContext;
using reactor::TlsErrc;

namespace {

// How a connection to `name` ends for a client that trusts `authority`.
struct Outcome {
  std::optional<reactor::Error> client;
  std::optional<reactor::Error> server;
};

Outcome connect(const reactor::TlsKeyPair& shown, reactor::TlsClientOptions options,
                const std::string& name = "a.example") {
  const auto server = ok(TlsContext::server({.certificates = {shown}}));
  const auto client = ok(TlsContext::client(std::move(options)));
  Loop loop;
  TlsPair pair(loop, client, server, name);
  run_until(loop, [&] { return pair.client.closed || pair.client.info; });
  if (pair.client.info) return {};
  pair.until_closed();
  return {pair.client.closed, pair.server.closed};
}

Outcome connect_to(Authority& authority, const CertificateTraits& traits,
                   const std::string& name = "a.example") {
  return connect(authority.issue(traits).pair(), {.ca_file = authority.file()}, name);
}

TEST_CASE("a certificate that is not yet valid is refused") {
  Authority authority("issuer");
  const auto outcome = connect_to(authority, {.from_day = 3, .to_day = 30});
  REQUIRE(outcome.client);
  CHECK(outcome.client->code == TlsErrc::certificate_not_yet_valid);
  CHECK(outcome.client->hint.starts_with("CN=leaf: valid from "));
  CHECK(outcome.client->message().starts_with("TLS handshake with 127.0.0.1:"));
  CHECK(outcome.server->code == TlsErrc::refused_by_peer);
}

TEST_CASE("the certificate of an expired issuer is refused, by the issuer's name") {
  // A server does not start with an expired certificate of its own.
  Authority root("root");
  const auto expired = root.issue({.from_day = -30, .to_day = 1});
  const auto outcome = connect(expired.pair(), {.ca_file = root.file()});
  CHECK_FALSE(outcome.client);
}

TEST_CASE("a certificate for another name is refused, and the error states both names") {
  Authority authority("issuer");
  const auto outcome =
      connect_to(authority, {.names = {"b.example", "*.c.example", "IP:192.0.2.1"}}, "a.example");
  REQUIRE(outcome.client);
  CHECK(outcome.client->code == TlsErrc::name_mismatch);
  CHECK(outcome.client->hint ==
        "the certificate is for b.example, *.c.example, 192.0.2.1, not for a.example");
}

TEST_CASE("names are compared as RFC 6125 demands") {
  Authority authority("issuer");
  const CertificateTraits traits{
      .names = {"a.example", "*.b.example", "w*.c.example", "IP:192.0.2.1", "IP:2001:db8::1"}};
  for (const char* name : {"a.example", "A.EXAMPLE", "a.example.", "x.b.example", "192.0.2.1",
                           "2001:db8::1", "[2001:db8::1]"}) {
    CAPTURE(name);
    CHECK_FALSE(connect_to(authority, traits, name).client);
  }
  for (const char* name :
       {"b.example", "x.y.b.example", "www.c.example", "192.0.2.2", "example", "xa.example"}) {
    CAPTURE(name);
    const auto outcome = connect_to(authority, traits, name);
    REQUIRE(outcome.client);
    CHECK(outcome.client->code == TlsErrc::name_mismatch);
  }
}

TEST_CASE("the common name does not count beside other names") {
  Authority authority("issuer");
  const auto outcome =
      connect_to(authority, {.names = {"b.example"}, .common_name = "a.example"}, "a.example");
  REQUIRE(outcome.client);
  CHECK(outcome.client->code == TlsErrc::name_mismatch);
}

TEST_CASE("an unknown issuer is named") {
  Authority authority("issuer");
  Authority other("other");
  const auto issued = other.issue();
  const auto outcome = connect(issued.pair(), {.ca_file = authority.file()});
  REQUIRE(outcome.client);
  CHECK(outcome.client->code == TlsErrc::unknown_issuer);
  CHECK(outcome.client->hint == "CN=leaf: issued by CN=other");
}

TEST_CASE("by default the issuers of the system are trusted, and no others") {
  const auto outcome = connect(tls_site().issued.pair(), {});
  REQUIRE(outcome.client);
  CHECK(outcome.client->code == TlsErrc::unknown_issuer);
}

TEST_CASE("a chain is complete with the issuers that the server sends, and broken without") {
  Authority root("root");
  const auto complete = root.issue_authority("between", true);
  CHECK_FALSE(connect(complete->issue().pair(), {.ca_file = root.file()}).client);
  const auto broken = root.issue_authority("between", false);
  const auto outcome = connect(broken->issue().pair(), {.ca_file = root.file()});
  REQUIRE(outcome.client);
  CHECK(outcome.client->code == TlsErrc::unknown_issuer);
  CHECK(outcome.client->hint == "CN=leaf: issued by CN=between");
}

TEST_CASE("a certificate that is no authority cannot issue others") {
  // A self-signed certificate that the client does not trust.
  Authority alone("alone");
  const auto outcome = connect(alone.issue().pair(), {.ca_file = tls_site().authority.file()});
  REQUIRE(outcome.client);
  CHECK(outcome.client->code == TlsErrc::unknown_issuer);
}

TEST_CASE("a revoked certificate is refused where the client has the list") {
  Authority authority("issuer");
  const auto good = authority.issue();
  const auto revoked = authority.issue();
  const auto list = authority.revoke({&revoked});
  const reactor::TlsClientOptions with_list{.ca_file = authority.file(), .crl_file = list->path()};
  CHECK_FALSE(connect(good.pair(), with_list).client);
  const auto outcome = connect(revoked.pair(), with_list);
  REQUIRE(outcome.client);
  CHECK(outcome.client->code == TlsErrc::certificate_revoked);
  CHECK_FALSE(connect(revoked.pair(), {.ca_file = authority.file()}).client);
}

TEST_CASE("the certificate of a client does not serve a server") {
  Authority authority("issuer");
  const auto outcome = connect_to(authority, {.usage = "clientAuth"});
  REQUIRE(outcome.client);
  CHECK(outcome.client->code == TlsErrc::wrong_purpose);
}

}  // namespace
