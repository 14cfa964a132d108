// The keys that encrypt the session tickets of a server. Internal.
#pragma once

#include <array>
#include <chrono>
#include <mutex>
#include <optional>

#include "reactor/tls/openssl.hpp"

namespace reactor::inline v0::tls {

/// A new key encrypts the tickets every `lifetime`, and its predecessor still decrypts tickets. So
/// a key that becomes known reveals only what was resumed with it (RFC 5077 section 5.5). The keys
/// survive a reload of certificates, unless clients show certificates.
///
/// Thread    Any.
class TicketKeys {
 public:
  static constexpr std::chrono::hours lifetime{12};

  TicketKeys();

  /// From now on `context` uses these keys, which must outlive it.
  void serve(SSL_CTX& context);

  /// For tests.
  void rotate();

 private:
  // Not in memory any longer than it is used.
  struct Key {
    Key() = default;
    Key(const Key&) = default;
    Key& operator=(const Key&) = default;
    ~Key() {
      OPENSSL_cleanse(cipher.data(), cipher.size());
      OPENSSL_cleanse(mac.data(), mac.size());
    }
    std::array<unsigned char, 16> name{};
    std::array<unsigned char, 32> cipher{};
    std::array<unsigned char, 32> mac{};
  };
  static Key make_key();
  static int use(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                 EVP_MAC_CTX* mac, int encrypt);

  [[nodiscard]] int encrypt(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX& cipher,
                            EVP_MAC_CTX& mac);
  [[nodiscard]] int decrypt(const unsigned char* name, const unsigned char* iv,
                            EVP_CIPHER_CTX& cipher, EVP_MAC_CTX& mac);
  void rotate_if_old();

  std::mutex mutex_;
  Key current_;
  std::optional<Key> previous_;
  std::chrono::nanoseconds made_;
};

}  // namespace reactor::tls
