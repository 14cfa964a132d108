#include "reactor/tls/ticket_keys.hpp"

#include <openssl/core_names.h>
#include <openssl/rand.h>

#include <algorithm>
#include <new>
#include <utility>

#include "reactor/platform/sys.hpp"

namespace reactor::inline v0::tls {
namespace {

int keys_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

std::chrono::nanoseconds now() { return std::chrono::nanoseconds(sys::steady_now()); }

bool set_mac_key(EVP_MAC_CTX& mac, std::array<unsigned char, 32>& key) {
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.data(), key.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(&mac, parameters) == 1;
}

}  // namespace

TicketKeys::TicketKeys() : current_(make_key()), made_(now()) {}

TicketKeys::Key TicketKeys::make_key() {
  Key key;
  if (RAND_bytes(key.name.data(), int(key.name.size())) != 1 ||
      RAND_priv_bytes(key.cipher.data(), int(key.cipher.size())) != 1 ||
      RAND_priv_bytes(key.mac.data(), int(key.mac.size())) != 1) {
    throw std::bad_alloc();
  }
  return key;
}

void TicketKeys::serve(SSL_CTX& context) {
  SSL_CTX_set_ex_data(&context, keys_index(), this);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(&context, &TicketKeys::use);
}

int TicketKeys::use(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                    EVP_MAC_CTX* mac, int encrypt) {
  auto& keys = *static_cast<TicketKeys*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), keys_index()));
  const std::lock_guard lock(keys.mutex_);
  return encrypt == 1 ? keys.encrypt(name, iv, *cipher, *mac)
                      : keys.decrypt(name, iv, *cipher, *mac);
}

int TicketKeys::encrypt(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX& cipher,
                        EVP_MAC_CTX& mac) {
  rotate_if_old();
  std::copy(current_.name.begin(), current_.name.end(), name);
  if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1) return -1;
  const bool done =
      EVP_EncryptInit_ex2(&cipher, EVP_aes_256_cbc(), current_.cipher.data(), iv, nullptr) == 1 &&
      set_mac_key(mac, current_.mac);
  return done ? 1 : -1;
}

// Returns 2 when the client should get a new ticket, and 0 when the key is unknown.
int TicketKeys::decrypt(const unsigned char* name, const unsigned char* iv, EVP_CIPHER_CTX& cipher,
                        EVP_MAC_CTX& mac) {
  rotate_if_old();
  const auto is_for = [&](const Key& key) {
    return std::equal(key.name.begin(), key.name.end(), name);
  };
  const bool is_current = is_for(current_);
  if (!is_current && !(previous_ && is_for(*previous_))) return 0;
  Key& key = is_current ? current_ : *previous_;
  const bool done =
      set_mac_key(mac, key.mac) &&
      EVP_DecryptInit_ex2(&cipher, EVP_aes_256_cbc(), key.cipher.data(), iv, nullptr) == 1;
  if (!done) return -1;
  return is_current ? 1 : 2;
}

void TicketKeys::rotate() {
  const std::lock_guard lock(mutex_);
  previous_ = std::exchange(current_, make_key());
  made_ = now();
}

void TicketKeys::rotate_if_old() {
  const auto age = now() - made_;
  if (age < lifetime) return;
  previous_ = std::exchange(current_, make_key());
  if (age >= 2 * lifetime) previous_.reset();
  made_ = now();
}

}  // namespace reactor::tls
