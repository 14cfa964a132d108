// The only cryptographic function that the samples need from a library.
#pragma once

#include "protocols/bytes.hpp"
#include "samples/support/digest.hpp"

namespace samples {

/// HMAC-SHA-256 (RFC 2104) of `message`. Throws Failed if the samples were built without OpenSSL.
[[nodiscard]] Digest hmac_sha256(protocols::Bytes key, protocols::Bytes message);

}  // namespace samples
