// Certificates that a test makes for itself, in files of its own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "reactor/tls_context.hpp"
#include "support/temporary_file.hpp"

typedef struct x509_st X509;
typedef struct evp_pkey_st EVP_PKEY;

/// What a certificate states. Days are counted from now.
struct CertificateTraits {
  std::vector<std::string> names = {"a.example"};  ///< DNS names, and "IP:192.0.2.1".
  std::string common_name = "leaf";
  int from_day = -1;
  int to_day = 30;
  int rsa_bits = 0;  ///< 0: a key on the curve P-256.
  std::string usage = "serverAuth";
};

/// A certificate authority.
class Authority {
 public:
  explicit Authority(std::string name);
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  /// Its certificate.
  [[nodiscard]] const std::string& file() const { return file_->path(); }

  struct Issued {
    std::unique_ptr<TemporaryFile> certificate;
    std::unique_ptr<TemporaryFile> key;
    [[nodiscard]] reactor::TlsKeyPair pair() const { return {certificate->path(), key->path()}; }
  };
  [[nodiscard]] Issued issue(const CertificateTraits& traits = {});

  /// An authority whose certificate this one has signed. With `with_issuer`, the files of what it
  /// issues contain its own certificate too.
  [[nodiscard]] std::unique_ptr<Authority> issue_authority(std::string name, bool with_issuer);

  /// A list that revokes these.
  [[nodiscard]] std::unique_ptr<TemporaryFile> revoke(const std::vector<const Issued*>& revoked);

 private:
  Authority(std::string name, Authority* issuer, bool with_issuer);

  std::string name_;
  EVP_PKEY* key_;
  X509* certificate_;
  bool with_issuer_ = false;
  std::unique_ptr<TemporaryFile> file_;
};
