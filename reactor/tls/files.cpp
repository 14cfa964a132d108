#include "reactor/tls/files.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <cerrno>
#include <utility>

#include "reactor/tls/certificate.hpp"
#include "reactor/tls/handshake_error.hpp"
#include "reactor/tls/tls_error.hpp"

namespace reactor::inline v0::tls {
namespace {

Error bad_file(const std::string& file, std::string why, TlsErrc code = TlsErrc::bad_file) {
  ERR_clear_error();
  return {code, "read", file, std::move(why)};
}

Result<BioPtr> open(const std::string& file) {
  errno = 0;
  BioPtr bio(BIO_new_file(file.c_str(), "r"));
  if (bio) return bio;
  const int number = errno != 0 ? errno : EIO;
  ERR_clear_error();
  return Failure(system_error(number, "read", file));
}

// OpenSSL would ask at the terminal.
int note_password(char*, int, int, void* needed) {
  *static_cast<bool*>(needed) = true;
  return -1;
}

// False when the file has something unreadable.
bool is_end_of_pem() {
  const unsigned long error = ERR_peek_last_error();
  const int reason = ERR_GET_REASON(error);
  return error == 0 || (ERR_GET_LIB(error) == ERR_LIB_PEM && reason == PEM_R_NO_START_LINE) ||
         (ERR_GET_LIB(error) == ERR_LIB_OSSL_DECODER && reason == ERR_R_UNSUPPORTED);
}

std::string describe_weakness(const X509& certificate) {
  const EVP_PKEY* const key = X509_get0_pubkey(&certificate);
  if (!key) return take_openssl_text();
  const char* const type = EVP_PKEY_get0_type_name(key);
  return take_openssl_text() + " (" + (type ? type : "key") + " of " +
         std::to_string(EVP_PKEY_get_bits(key)) + " bits)";
}

}  // namespace

Result<std::vector<X509Ptr>> read_certificates(const std::string& file) {
  auto bio = open(file);
  if (!bio) return Failure(bio.error());
  std::vector<X509Ptr> found;
  ERR_clear_error();
  while (X509* const certificate = PEM_read_bio_X509_AUX(bio->get(), nullptr, nullptr, nullptr)) {
    found.emplace_back(certificate);
  }
  if (!is_end_of_pem()) return Failure(bad_file(file, take_openssl_text()));
  ERR_clear_error();
  if (found.empty()) return Failure(bad_file(file, "it has no certificate in PEM form"));
  return found;
}

Result<KeyPtr> read_key(const std::string& file) {
  auto bio = open(file);
  if (!bio) return Failure(bio.error());
  bool needs_password = false;
  ERR_clear_error();
  KeyPtr key(PEM_read_bio_PrivateKey(bio->get(), nullptr, note_password, &needs_password));
  if (key) return key;
  if (needs_password) {
    return Failure(bad_file(file,
                            "the key needs a password; store it without one, readable for "
                            "its owner only"));
  }
  if (is_end_of_pem()) return Failure(bad_file(file, "it has no private key in PEM form"));
  return Failure(bad_file(file, take_openssl_text()));
}

Result<X509Ptr> use_key_pair(SSL_CTX& context, const TlsKeyPair& pair) {
  auto chain = read_certificates(pair.certificate_file);
  if (!chain) return Failure(chain.error());
  auto key = read_key(pair.key_file);
  if (!key) return Failure(key.error());
  X509& leaf = *chain->front();
  if (is_expired(leaf)) {
    return Failure(
        bad_file(pair.certificate_file, expired_text(leaf), TlsErrc::certificate_expired));
  }
  if (X509_check_private_key(&leaf, key->get()) != 1) {
    return Failure(bad_file(pair.key_file,
                            "it is not the key of the certificate in " + pair.certificate_file));
  }
  if (SSL_CTX_use_certificate(&context, &leaf) != 1 ||
      SSL_CTX_use_PrivateKey(&context, key->get()) != 1) {
    return Failure(
        bad_file(pair.certificate_file, describe_weakness(leaf), TlsErrc::weak_certificate));
  }
  for (std::size_t i = 1; i < chain->size(); ++i) {
    if (SSL_CTX_add1_chain_cert(&context, (*chain)[i].get()) != 1) {
      return Failure(bad_file(pair.certificate_file, describe_weakness(*(*chain)[i]),
                              TlsErrc::weak_certificate));
    }
  }
  return std::move(chain->front());
}

Result<void> trust(SSL_CTX& context, const std::string& ca_file) {
  auto certificates = read_certificates(ca_file);
  if (!certificates) return Failure(certificates.error());
  X509_STORE* const store = SSL_CTX_get_cert_store(&context);
  for (const X509Ptr& certificate : *certificates) {
    if (X509_STORE_add_cert(store, certificate.get()) != 1) {
      return Failure(bad_file(ca_file, take_openssl_text()));
    }
  }
  return {};
}

Result<void> check_revocation(SSL_CTX& context, const std::string& crl_file) {
  auto bio = open(crl_file);
  if (!bio) return Failure(bio.error());
  X509_STORE* const store = SSL_CTX_get_cert_store(&context);
  int count = 0;
  ERR_clear_error();
  while (const CrlPtr crl{PEM_read_bio_X509_CRL(bio->get(), nullptr, nullptr, nullptr)}) {
    if (X509_STORE_add_crl(store, crl.get()) != 1) {
      return Failure(bad_file(crl_file, take_openssl_text()));
    }
    ++count;
  }
  if (!is_end_of_pem()) return Failure(bad_file(crl_file, take_openssl_text()));
  ERR_clear_error();
  if (count == 0) return Failure(bad_file(crl_file, "it has no revocation list in PEM form"));
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
  return {};
}

}  // namespace reactor::tls
