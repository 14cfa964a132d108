#include "support/certificates.hpp"

#include <doctest/doctest.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <utility>

namespace {

std::string text_of(BIO* memory) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory, &text);
  std::string result(text, static_cast<std::size_t>(size));
  BIO_free(memory);
  return result;
}

std::string pem_of(X509* certificate) {
  BIO* const memory = BIO_new(BIO_s_mem());
  REQUIRE(PEM_write_bio_X509(memory, certificate) == 1);
  return text_of(memory);
}

std::string pem_of(EVP_PKEY* key) {
  BIO* const memory = BIO_new(BIO_s_mem());
  REQUIRE(PEM_write_bio_PrivateKey(memory, key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return text_of(memory);
}

EVP_PKEY* make_key(int rsa_bits) {
  EVP_PKEY* const key = rsa_bits > 0
                            ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t(rsa_bits))
                            : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
  REQUIRE(key != nullptr);
  return key;
}

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  REQUIRE_MESSAGE(extension, value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509* make_certificate(const std::string& common_name, EVP_PKEY* key, int from_day, int to_day) {
  static long serial = 1000;
  X509* const made = X509_new();
  X509_set_version(made, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(made), from_day * 86400L);
  X509_gmtime_adj(X509_getm_notAfter(made), to_day * 86400L - 60);
  X509_set_pubkey(made, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                             0);
  return made;
}

}  // namespace

Authority::Authority(std::string name) : Authority(std::move(name), nullptr, false) {}

Authority::Authority(std::string name, Authority* issuer, bool with_issuer)
    : name_(std::move(name)),
      key_(make_key(0)),
      certificate_(make_certificate(name_, key_, -10, 3650)),
      with_issuer_(with_issuer) {
  X509* const signer = issuer ? issuer->certificate_ : certificate_;
  X509_set_issuer_name(certificate_, X509_get_subject_name(signer));
  add_extension(certificate_, signer, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(certificate_, signer, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(certificate_, signer, NID_subject_key_identifier, "hash");
  REQUIRE(X509_sign(certificate_, issuer ? issuer->key_ : key_, EVP_sha256()) > 0);
  file_ = std::make_unique<TemporaryFile>(pem_of(certificate_));
}

Authority::~Authority() {
  X509_free(certificate_);
  EVP_PKEY_free(key_);
}

Authority::Issued Authority::issue(const CertificateTraits& traits) {
  EVP_PKEY* const key = make_key(traits.rsa_bits);
  X509* const made = make_certificate(traits.common_name, key, traits.from_day, traits.to_day);
  X509_set_issuer_name(made, X509_get_subject_name(certificate_));
  std::string names;
  for (const std::string& name : traits.names) {
    names += (names.empty() ? "" : ",") + (name.starts_with("IP:") ? name : "DNS:" + name);
  }
  if (!names.empty()) add_extension(made, certificate_, NID_subject_alt_name, names);
  if (!traits.usage.empty()) add_extension(made, certificate_, NID_ext_key_usage, traits.usage);
  REQUIRE(X509_sign(made, key_, EVP_sha256()) > 0);
  std::string chain = pem_of(made);
  if (with_issuer_) chain += pem_of(certificate_);
  Issued issued{std::make_unique<TemporaryFile>(chain),
                std::make_unique<TemporaryFile>(pem_of(key))};
  X509_free(made);
  EVP_PKEY_free(key);
  return issued;
}

std::unique_ptr<Authority> Authority::issue_authority(std::string name, bool with_issuer) {
  return std::unique_ptr<Authority>(new Authority(std::move(name), this, with_issuer));
}

std::unique_ptr<TemporaryFile> Authority::revoke(const std::vector<const Issued*>& revoked) {
  X509_CRL* const list = X509_CRL_new();
  X509_CRL_set_version(list, X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(list, X509_get_subject_name(certificate_));
  ASN1_TIME* const now = X509_gmtime_adj(nullptr, -60);
  ASN1_TIME* const next = X509_gmtime_adj(nullptr, 86400);
  X509_CRL_set1_lastUpdate(list, now);
  X509_CRL_set1_nextUpdate(list, next);
  for (const Issued* each : revoked) {
    BIO* const file = BIO_new_file(each->certificate->path().c_str(), "r");
    X509* const certificate = PEM_read_bio_X509(file, nullptr, nullptr, nullptr);
    X509_REVOKED* const entry = X509_REVOKED_new();
    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate));
    X509_REVOKED_set_revocationDate(entry, now);
    X509_CRL_add0_revoked(list, entry);
    X509_free(certificate);
    BIO_free(file);
  }
  REQUIRE(X509_CRL_sign(list, key_, EVP_sha256()) > 0);
  BIO* const memory = BIO_new(BIO_s_mem());
  PEM_write_bio_X509_CRL(memory, list);
  ASN1_TIME_free(now);
  ASN1_TIME_free(next);
  X509_CRL_free(list);
  return std::make_unique<TemporaryFile>(text_of(memory));
}
