// Why a peer was not trusted, or a connection not protected.
#pragma once

#include <system_error>

#include "reactor/version.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// The codes of the errors of TLS. Error::hint has the details.
enum class TlsErrc {
  certificate_expired = 1,
  certificate_not_yet_valid,
  name_mismatch,   ///< The certificate is for other names than the expected one.
  unknown_issuer,  ///< No trusted issuer has signed the chain; or a part of it is missing.
  certificate_revoked,
  weak_certificate,    ///< A key or a signature is below OpenSSL's security level.
  wrong_purpose,       ///< For example the certificate of a client, shown by a server.
  bad_certificate,     ///< Any other defect.
  no_certificate,      ///< The peer showed none.
  refused_by_peer,     ///< The peer has sent an alert; the hint names it.
  no_common_protocol,  ///< No version, cipher or application protocol that both sides accept.
  not_tls,             ///< The peer speaks another protocol.
  malformed,           ///< The peer violates the protocol, or someone has changed the data.
  truncated,           ///< The connection ended without close_notify.
  data_after_end,      ///< The peer sent more after close_notify.
  bad_file,            ///< Of certificates or keys.
};

/// Makes a code that std::error_code can be compared with.
[[nodiscard]] std::error_code make_error_code(TlsErrc code);

}  // namespace reactor

template <>
struct std::is_error_code_enum<reactor::TlsErrc> : std::true_type {};
#pragma GCC visibility pop
