#include "samples/support/sha256.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "protocols/base64.hpp"

using protocols::as_bytes;
using samples::Sha256;

TEST_SUITE("sha256") {
  TEST_CASE("the example of FIPS 180-4, whole and in pieces, and continued in copies") {
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
    samples::ScramClient client("user", "pencil", "rOprNGfwEbeRWgbNEkqO", samples::scram_crypto());
    samples::ScramServer server(
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

  // The account and the nonces are those of RFC 7677, which has no example with a channel binding:
  // these values were computed by Python's hashlib.
  TEST_CASE(
      "the login of RFC 7677, bound by tls-exporter, and by a client without the offer of a "
      "binding") {
    std::string exported;
    for (char byte = 0; byte < 32; ++byte) exported += byte;
    const samples::ChannelBinding channel{.type = std::string(samples::tls_exporter),
                                          .data = exported};
    const std::string nonces = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,";
    struct Case {
      samples::ScramBinding binding;
      std::vector<samples::ChannelBinding> bindings;
      std::string proof, signature;
    };
    for (const Case& one :
         {Case{samples::ScramBinding::of(channel),
               {channel},
               "c=cD10bHMtZXhwb3J0ZXIsLAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f," + nonces +
                   "p=QC6CS20quADQRb3mT99YUH+n3VJxUvzuK0K0E1Vrs2M=",
               "v=2GiAgapEppLVlUXbxUDksL3VgYHzuqiK5tR4mhJGgvs="},
          Case{samples::ScramBinding::not_offered(),
               {},
               "c=eSws," + nonces + "p=FoqiHTtQEDE8lz1CdaEe3tK4mS+iMDTl77SPyDS53DY=",
               "v=dI4KpiQJwBr1+V+K6U1dA6l6I4I9DUNXWND4pcpRU3U="}}) {
      samples::ScramClient client("user", "pencil", "rOprNGfwEbeRWgbNEkqO", samples::scram_crypto(),
                                  one.binding);
      samples::ScramServer server(
          "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", samples::scram_crypto(),
          [](std::string_view) {
            return make_verifier(samples::scram_crypto(), "pencil",
                                 protocols::from_base64("W22ZaJ0SNY7soEsUEjb6gQ==").value(), 4096);
          },
          one.bindings);
      const std::string proof = client.final(server.first(client.first())).value();
      CHECK(proof == one.proof);
      const std::string signature = server.final(proof);
      CHECK(signature == one.signature);
      CHECK(client.verify(signature));
    }
  }
}
