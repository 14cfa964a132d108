#include "samples/file_transfer/server/accounts.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <string>

#include "samples/support/sha256.hpp"
#include "support/temporary_file.hpp"

using file_transfer::Accounts;
using protocols::as_bytes;
using protocols::Bytes;
using samples::ScramCrypto;
using samples::ScramServer;

namespace {

/// Counts the computations, and the number of bytes of each.
class Counting {
 public:
  [[nodiscard]] ScramCrypto crypto() {
    const ScramCrypto real = samples::scram_crypto();
    return {.hash =
                [this, real](Bytes bytes) {
                  ++computed_["hash of " + std::to_string(bytes.size())];
                  return real.hash(bytes);
                },
            .hmac =
                [this, real](Bytes key, Bytes message) {
                  ++computed_["HMAC by " + std::to_string(key.size()) + " of " +
                              std::to_string(message.size())];
                  return real.hmac(key, message);
                },
            .hi =
                [this, real](Bytes password, Bytes salt, unsigned count) {
                  ++computed_["Hi"];
                  return real.hi(password, salt, count);
                }};
  }

  [[nodiscard]] const std::map<std::string, int>& computed() const { return computed_; }

 private:
  std::map<std::string, int> computed_;
};

// The computations of the server for a login that fails.
std::map<std::string, int> cost_of_failed_login(const Accounts& accounts, const std::string& user) {
  Counting counting;
  ScramServer server("servers", counting.crypto(), [&](std::string_view name) {
    return accounts.verifier(name, counting.crypto());
  });
  samples::ScramClient client(user, "wrong", "clients", samples::scram_crypto());
  CHECK(server.final(client.final(server.first(client.first())).value()) == "e=invalid-proof");
  return counting.computed();
}

}  // namespace

TEST_SUITE("accounts") {
  TEST_CASE("refusing an unknown name costs the same as refusing a known name of the same length") {
    TemporaryFile file("");
    std::filesystem::remove(file.path());
    Accounts::update(file.path(), [](Accounts& accounts) {
      for (const char* const user : {"ann", "bob", "eve"}) accounts.set(user, "pencil", 1000);
    });
    const Accounts accounts = Accounts::read(file.path());
    const auto known = cost_of_failed_login(accounts, "bob");
    for (const char* const unknown : {"aaa", "bom", "zzz"}) {
      CHECK(cost_of_failed_login(accounts, unknown) == known);
    }
    CHECK(known.at("hash of 32") == 1);
    CHECK_FALSE(known.contains("Hi"));
    const auto verifier = accounts.verifier("bob", samples::scram_crypto());
    const auto decoy = accounts.verifier("bom", samples::scram_crypto());
    CHECK(verifier.iterations == decoy.iterations);
    CHECK(verifier.salt.size() == decoy.salt.size());
  }
}
