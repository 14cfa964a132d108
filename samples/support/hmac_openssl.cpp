#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "samples/support/failed.hpp"
#include "samples/support/hmac.hpp"

namespace samples {

Digest hmac_sha256(protocols::Bytes key, protocols::Bytes message) {
  Digest digest;
  unsigned size = 0;
  const auto* made = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                          reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                          reinterpret_cast<unsigned char*>(digest.data()), &size);
  if (!made || size != digest.size()) throw Failed("OpenSSL computes no HMAC-SHA-256");
  return digest;
}

}  // namespace samples
