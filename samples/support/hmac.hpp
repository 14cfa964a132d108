// The one thing that the samples need a cryptographic library for.
#pragma once

#include "protocols/bytes.hpp"
#include "samples/support/digest.hpp"

namespace samples {

/// HMAC-SHA-256 (RFC 2104) of `message`. Fails, as programs do, where the samples were built
/// without OpenSSL.
[[nodiscard]] Digest hmac_sha256(protocols::Bytes key, protocols::Bytes message);

}  // namespace samples
