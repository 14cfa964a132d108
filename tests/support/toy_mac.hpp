// A replacement for HMAC-SHA-256, with the same length and as sensitive to each bit, but not
// secure. With it the exchange is tested without a cryptographic library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "samples/support/challenge.hpp"

inline samples::Mac toy_mac(std::string secret) {
  return [secret = std::move(secret)](protocols::Bytes message) {
    std::uint64_t hash = 14695981039346656037U;  // FNV-1a
    for (const std::string_view text : {std::string_view(secret), protocols::as_text(message)}) {
      for (const char letter : text) {
        hash = (hash ^ static_cast<unsigned char>(letter)) * 1099511628211U;
      }
    }
    std::mt19937_64 random(hash);
    samples::Digest digest;
    for (std::byte& byte : digest) byte = static_cast<std::byte>(random());
    return digest;
  };
}

/// All bytes are the same: good enough for a test without an attacker.
inline samples::Nonce nonce_of(char letter) {
  samples::Nonce nonce;
  nonce.fill(static_cast<std::byte>(letter));
  return nonce;
}
