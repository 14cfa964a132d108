#include "samples/support/sha256.hpp"

#include <doctest/doctest.h>

#include <string>

#include "protocols/base64.hpp"

using protocols::as_bytes;
using samples::Sha256;

TEST_SUITE("sha256") {
  TEST_CASE("the example of FIPS 180-4, whole and in pieces, with copies that go their own way") {
    Sha256 hash;
    CHECK(samples::to_hex(hash.digest()) ==
          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    hash.update(as_bytes("a"));
    Sha256 other = hash;
    other.update(as_bytes("x"));
    hash.update(as_bytes("bc"));
    CHECK(samples::to_hex(hash.digest()) ==
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(samples::to_hex(other.digest()) != samples::to_hex(hash.digest()));
  }

  TEST_CASE("the login of RFC 7677, section 3") {
    protocols::ScramClient client("user", "pencil", "rOprNGfwEbeRWgbNEkqO",
                                  samples::scram_crypto());
    protocols::ScramServer server(
        "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", samples::scram_crypto(), [](std::string_view) {
          return make_verifier(samples::scram_crypto(), "pencil",
                               protocols::from_base64("W22ZaJ0SNY7soEsUEjb6gQ==").value(), 4096);
        });
    CHECK(client.first() == "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    const std::string challenge = server.first(client.first());
    CHECK(challenge ==
          "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
    const std::string proof = client.final(challenge).value();
    CHECK(proof ==
          "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
          "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    const std::string signature = server.final(proof);
    CHECK(signature == "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    CHECK(client.verify(signature));
    CHECK(server.passed());
  }
}
