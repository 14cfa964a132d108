#include "samples/support/failed.hpp"
#include "samples/support/hmac.hpp"

namespace samples {

Digest hmac_sha256(protocols::Bytes, protocols::Bytes) {
  throw Failed("a shared secret: this program was built without OpenSSL");
}

}  // namespace samples
