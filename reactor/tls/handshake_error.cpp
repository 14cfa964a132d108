#include "reactor/tls/handshake_error.hpp"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <array>

#include "reactor/tls/certificate.hpp"
#include "reactor/tls/tls_error.hpp"

namespace reactor::inline v0::tls {
namespace {

struct Reason {
  TlsErrc code;
  std::string text;
};

// The certificate that was refused: not always that of the peer itself.
Reason refused_certificate(long result, const X509* refused, const std::string& name) {
  const std::string subject = refused ? name_text(X509_get_subject_name(refused)) : "";
  const std::string which = subject.empty() ? "" : subject + ": ";
  switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return {TlsErrc::certificate_expired, which + (refused ? expired_text(*refused) : "")};
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return {TlsErrc::certificate_not_yet_valid, which + (refused ? not_yet_text(*refused) : "")};
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return {TlsErrc::name_mismatch, "the certificate is for " +
                                          (refused ? names_text(*refused) : "other names") +
                                          ", not for " + name};
    case X509_V_ERR_CERT_REVOKED:
      return {TlsErrc::certificate_revoked, subject};
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
      return {TlsErrc::weak_certificate, which + X509_verify_cert_error_string(result)};
    case X509_V_ERR_INVALID_PURPOSE:
      return {TlsErrc::wrong_purpose, subject};
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_CERT_UNTRUSTED: {
      const std::string issuer = refused ? name_text(X509_get_issuer_name(refused)) : "";
      return {TlsErrc::unknown_issuer,
              which + "issued by " + (issuer.empty() ? "an unknown issuer" : issuer)};
    }
    default:
      return {TlsErrc::bad_certificate, which + X509_verify_cert_error_string(result)};
  }
}

Reason reason_of(unsigned long error) {
  constexpr int first_alert = SSL_AD_REASON_OFFSET;
  const int reason = ERR_GET_REASON(error);
  if (ERR_GET_LIB(error) != ERR_LIB_SSL) {
    const char* const text = ERR_reason_error_string(error);
    return {TlsErrc::malformed, text ? text : ""};
  }
  if (reason >= first_alert && reason < first_alert + 256) {
    return {TlsErrc::refused_by_peer,
            std::string("alert: ") + SSL_alert_desc_string_long(reason - first_alert)};
  }
  const char* const known = ERR_reason_error_string(error);
  const std::string text = known ? known : "";
  switch (reason) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
      return {TlsErrc::not_tls, "it has sent an HTTP request in clear"};
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_BAD_PROTOCOL_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_UNEXPECTED_RECORD:
      return {TlsErrc::not_tls, text};
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return {TlsErrc::no_certificate, ""};
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_NO_APPLICATION_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
      return {TlsErrc::no_common_protocol, text};
    case SSL_R_DH_KEY_TOO_SMALL:
    case SSL_R_EE_KEY_TOO_SMALL:
      return {TlsErrc::weak_certificate, text};
    default:
      return {TlsErrc::malformed, text};
  }
}

}  // namespace

Error error_of(const SSL& ssl, const X509* refused, const std::string& operation,
               const std::string& name) {
  const unsigned long last = ERR_peek_last_error();
  ERR_clear_error();
  const long verified = SSL_get_verify_result(&ssl);
  Reason reason = reason_of(last);
  const bool is_refusal =
      ERR_GET_LIB(last) == ERR_LIB_SSL && ERR_GET_REASON(last) == SSL_R_CERTIFICATE_VERIFY_FAILED;
  if (is_refusal && verified != X509_V_OK) {
    reason = refused_certificate(verified, refused, name);
  }
  return {reason.code, operation, {}, std::move(reason.text)};
}

std::string take_openssl_text() {
  const unsigned long last = ERR_peek_last_error();
  ERR_clear_error();
  const char* const text = ERR_reason_error_string(last);
  return text ? text : "unknown error";
}

}  // namespace reactor::tls
