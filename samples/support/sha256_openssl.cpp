#include <openssl/evp.h>

#include <utility>

#include "samples/support/failed.hpp"
#include "samples/support/hmac.hpp"
#include "samples/support/sha256.hpp"

namespace samples {
namespace {

using protocols::Bytes;

void check(bool done) {
  if (!done) throw Failed("OpenSSL computes no SHA-256");
}

Digest pbkdf2(Bytes password, Bytes salt, unsigned iterations) {
  Digest key;
  check(PKCS5_PBKDF2_HMAC(
      reinterpret_cast<const char*>(password.data()), static_cast<int>(password.size()),
      reinterpret_cast<const unsigned char*>(salt.data()), static_cast<int>(salt.size()),
      static_cast<int>(iterations), EVP_sha256(), static_cast<int>(key.size()),
      reinterpret_cast<unsigned char*>(key.data())));
  return key;
}

Digest sha256(Bytes bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.digest();
}

}  // namespace

struct Sha256::State {
  State() : context(EVP_MD_CTX_new()) { check(context); }
  State(const State& other) : State() { check(EVP_MD_CTX_copy_ex(context, other.context)); }
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(context); }

  EVP_MD_CTX* context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  check(EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr));
}
Sha256::Sha256(const Sha256& other) : state_(std::make_unique<State>(*other.state_)) {}
Sha256& Sha256::operator=(const Sha256& other) { return *this = Sha256(other); }
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::update(Bytes bytes) {
  check(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()));
}

Digest Sha256::digest() const {
  const State copy(*state_);
  Digest digest;
  check(EVP_DigestFinal_ex(copy.context, reinterpret_cast<unsigned char*>(digest.data()), nullptr));
  return digest;
}

std::string to_hex(Bytes bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    text += digits[std::to_integer<unsigned>(byte) >> 4];
    text += digits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

ScramCrypto scram_crypto() { return {.hash = sha256, .hmac = hmac_sha256, .hi = pbkdf2}; }

}  // namespace samples
