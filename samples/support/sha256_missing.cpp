#include "samples/support/failed.hpp"
#include "samples/support/sha256.hpp"

namespace samples {

struct Sha256::State {};

Sha256::Sha256() { throw Failed("accounts: this program was built without OpenSSL"); }
Sha256::Sha256(const Sha256&) : Sha256() {}
Sha256& Sha256::operator=(const Sha256&) { return *this; }
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::update(protocols::Bytes) {}
Digest Sha256::digest() const { return {}; }

std::string to_hex(protocols::Bytes) { return {}; }

ScramCrypto scram_crypto() {
  const Sha256 fails;
  return {};
}

}  // namespace samples
