#include "support/hmac.hpp"
#include "support/program.hpp"

namespace samples {

protocols::Digest hmac_sha256(protocols::Bytes, protocols::Bytes) {
  throw Failed("a shared secret: this program was built without OpenSSL");
}

}  // namespace samples
