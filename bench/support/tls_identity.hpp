// The key and the certificate that a server of the benchmarks makes for itself.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/mman.h>

#include <cstdio>
#include <stdexcept>
#include <string>

namespace bench {

/// The names of two files in memory, which exist as long as the process does. The key is on the
/// curve P-256.
struct TlsIdentity {
  std::string certificate_file;
  std::string key_file;
};

inline TlsIdentity make_tls_identity() {
  EVP_PKEY* const key = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
  X509* const certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  if (X509_sign(certificate, key, EVP_sha256()) == 0) throw std::runtime_error("no certificate");
  const auto in_memory = [](auto write) {
    const int fd = memfd_create("pem", 0);
    std::FILE* const file = fdopen(fd, "w");
    write(file);
    std::fflush(file);
    return "/proc/self/fd/" + std::to_string(fd);
  };
  TlsIdentity made{in_memory([&](std::FILE* file) { PEM_write_X509(file, certificate); }),
                   in_memory([&](std::FILE* file) {
                     PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
                   })};
  X509_free(certificate);
  EVP_PKEY_free(key);
  return made;
}

/// What the compared servers have in common: OpenSSL's defaults, session tickets, no cache.
inline SSL_CTX* make_server_context() {
  const TlsIdentity identity = make_tls_identity();
  SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (SSL_CTX_use_certificate_file(context, identity.certificate_file.c_str(), SSL_FILETYPE_PEM) !=
          1 ||
      SSL_CTX_use_PrivateKey_file(context, identity.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    throw std::runtime_error("cannot use the certificate");
  }
  return context;
}

}  // namespace bench
