// Linked with the replacement for OpenSSL, as in builds of the samples without it.
#include <doctest/doctest.h>

#include "samples/support/failed.hpp"
#include "samples/support/secret.hpp"
#include "samples/support/sha256.hpp"
#include "support/temporary_file.hpp"

TEST_SUITE("openssl_missing") {
  TEST_CASE("a program that needs OpenSSL and was built without it reports that immediately") {
    const TemporaryFile secret("open sesame\n");
    CHECK_THROWS_WITH_AS((void)samples::Secret::read(secret.path()),
                         "a shared secret: this program was built without OpenSSL",
                         samples::Failed);
    CHECK_THROWS_WITH_AS(samples::Sha256(), "accounts: this program was built without OpenSSL",
                         samples::Failed);
    CHECK_THROWS_WITH_AS((void)samples::scram_crypto(),
                         "accounts: this program was built without OpenSSL", samples::Failed);
  }
}
