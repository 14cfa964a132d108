// SHA-256 (FIPS 180-4) piece by piece, and the functions that passwords need besides.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "protocols/bytes.hpp"
#include "samples/support/challenge.hpp"
#include "samples/support/scram.hpp"

namespace samples {

/// A hash in progress. Throws Failed if the samples were built without OpenSSL.
class Sha256 {
 public:
  Sha256();
  Sha256(const Sha256& other);
  Sha256& operator=(const Sha256& other);
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();

  void update(protocols::Bytes bytes);

  /// The hash of all bytes so far; more may follow.
  [[nodiscard]] Digest digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The functions for ScramServer and ScramClient.
[[nodiscard]] ScramCrypto scram_crypto();

[[nodiscard]] std::string to_hex(protocols::Bytes bytes);

}  // namespace samples
