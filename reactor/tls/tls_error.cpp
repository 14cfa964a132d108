#include "reactor/tls/tls_error.hpp"

#include <string>

namespace reactor::inline v0 {
namespace {

class TlsCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "tls"; }

  [[nodiscard]] std::string message(int code) const override {
    switch (static_cast<TlsErrc>(code)) {
      case TlsErrc::certificate_expired:
        return "the certificate has expired";
      case TlsErrc::certificate_not_yet_valid:
        return "the certificate is not yet valid";
      case TlsErrc::name_mismatch:
        return "host name mismatch";
      case TlsErrc::unknown_issuer:
        return "the issuer of the certificate is unknown";
      case TlsErrc::certificate_revoked:
        return "the certificate has been revoked";
      case TlsErrc::weak_certificate:
        return "a key or signature is too weak";
      case TlsErrc::wrong_purpose:
        return "the certificate is for another purpose";
      case TlsErrc::bad_certificate:
        return "bad certificate";
      case TlsErrc::no_certificate:
        return "the peer has no certificate";
      case TlsErrc::refused_by_peer:
        return "refused by the peer";
      case TlsErrc::no_common_protocol:
        return "no common version, cipher or application protocol";
      case TlsErrc::not_tls:
        return "the peer does not speak TLS";
      case TlsErrc::malformed:
        return "protocol violation";
      case TlsErrc::truncated:
        return "the connection ended without close_notify";
      case TlsErrc::data_after_end:
        return "data after close_notify";
      case TlsErrc::bad_file:
        return "unusable file";
    }
    return "unknown error of TLS";
  }
};

}  // namespace

std::error_code make_error_code(TlsErrc code) {
  static const TlsCategory category;
  return {static_cast<int>(code), category};
}

}  // namespace reactor
