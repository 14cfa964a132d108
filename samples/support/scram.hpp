// SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677): a login by password, which the server
// need not know and which is never sent.
//
//     client                                                             server
//       | -- GS2,n=USER,r=NONCE ---------------------------------------> |
//       | <- r=NONCE NONCE,s=SALT,i=ITERATIONS ------------------------- |
//       | -- c=BINDING,r=NONCE NONCE,p=PROOF --------------------------> |
//       | <- v=SIGNATURE, or e=ERROR ----------------------------------- |
//
// Each line is one message; the program decides how it is transported. What the server keeps of a
// password (ScramVerifier) is not enough to log in: a proof needs the client key, of which only the
// hash is kept. The signature proves to the client that the server knows the account, too.
//
// GS2 states the client's support of channel binding, and BINDING is base64 of GS2, a comma and the
// channel's data (RFC 5802, sections 5.1 and 6):
//
//     n,        the client has none
//     y,        the client has one, and the server seemed to have none
//     p=NAME,   NAME is the type of the data, as `tls-exporter` (RFC 9266)
//
// The client's proof covers both, so that a relay can neither replace nor remove them. A host that
// a client dials by mistake can relay a login that is not bound to its channel.
//
// What it does not do: it neither encrypts nor signs what follows.
// It uses passwords as the bytes they are. SASLprep (RFC 4013) is left to the program, if users can
// type characters beyond ASCII in more than one way.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/bytes.hpp"
#include "samples/support/digest.hpp"

namespace samples {

/// The cryptographic functions, which the program implements with its library.
struct ScramCrypto {
  std::function<Digest(protocols::Bytes)> hash;                                ///< SHA-256.
  std::function<Digest(protocols::Bytes key, protocols::Bytes message)> hmac;  ///< HMAC-SHA-256.
  std::function<Digest(protocols::Bytes password, protocols::Bytes salt, unsigned count)>
      hi;  ///< PBKDF2 of it: Hi().
};

/// What a server keeps of a password (RFC 5802, section 3).
struct ScramVerifier {
  std::string salt;
  unsigned iterations = 0;
  Digest stored_key{};
  Digest server_key{};
};

/// The data that a login is bound to. Both sides of the channel that carries the login know it, and
/// no other channel has it (RFC 5056).
struct ChannelBinding {
  std::string type;  ///< Letters, digits, `.` and `-`: "tls-exporter".
  std::string data;
};

/// The type of RFC 9266. Its data are the 32 bytes that TLS exports for the label
/// "EXPORTER-Channel-Binding" without a context; below TLS 1.3 the connection must have negotiated
/// the extended master secret.
inline constexpr std::string_view tls_exporter = "tls-exporter";

/// The client's use of channel binding.
class ScramBinding {
 public:
  /// The client has no channel binding: `n`.
  ScramBinding() = default;

  /// The client has one, and the server's list of mechanisms had none with `-PLUS`: `y`. A server
  /// that has one then knows that an attacker removed it from the list.
  [[nodiscard]] static ScramBinding not_offered();

  /// The login is bound: `p`.
  [[nodiscard]] static ScramBinding of(ChannelBinding channel);

 private:
  friend class ScramClient;

  std::string header_ = "n,,";
  std::string data_;
};

/// Cost      `iterations` hashes, on purpose.
[[nodiscard]] ScramVerifier make_verifier(const ScramCrypto& crypto, std::string_view password,
                                          std::string salt, unsigned iterations);

/// A verifier for a user who does not exist, so that the responses do not reveal which users exist:
/// its salt follows from the name and a secret key, and no password fits.
[[nodiscard]] ScramVerifier make_decoy(const ScramCrypto& crypto, protocols::Bytes key,
                                       std::string_view user, std::size_t salt_bytes,
                                       unsigned iterations);

/// The server's side of one login.
///
///     ScramServer login(nonce, crypto, [&](std::string_view user) { return verifier_of(user); });
///     send(login.first(received));   // r=…,s=…,i=…
///     send(login.final(received));   // v=…
///     if (login.passed()) begin(login.user());
class ScramServer {
 public:
  /// Must return a decoy for an unknown user.
  using Lookup = std::function<ScramVerifier(std::string_view user)>;

  /// `nonce` is random, printable ASCII without a comma, and never used again.
  ///
  /// `bindings` are those that this server accepts of clients that bind their login. Several may
  /// have the same type: any of them is accepted. A server with bindings refuses clients that
  /// believe it has none (`y`). Clients without channel binding (`n`) are accepted.
  ScramServer(std::string nonce, ScramCrypto crypto, Lookup lookup,
              std::vector<ChannelBinding> bindings = {});

  /// Takes client-first-message; returns server-first-message or `e=…` (section 7), which is final.
  [[nodiscard]] std::string first(std::string_view message);

  /// Takes client-final-message; returns server-final-message: `v=…`, or `e=…`.
  [[nodiscard]] std::string final(std::string_view message);

  [[nodiscard]] bool passed() const { return state_ == State::passed; }

  /// Whether the client binds its login to the channel.
  [[nodiscard]] bool is_bound() const { return !binding_type_.empty(); }

  /// The name that the client states. It is proven only when passed().
  [[nodiscard]] const std::string& user() const { return user_; }

 private:
  enum class State : unsigned char { first, final, passed, failed };

  [[nodiscard]] std::string fail(std::string_view error);
  [[nodiscard]] std::string_view take_header(std::string_view& message);
  [[nodiscard]] bool accepts_type(std::string_view type) const;
  [[nodiscard]] bool accepts_binding(std::string_view text) const;

  State state_ = State::first;
  std::string nonce_;  // The nonce of both sides after the first message.
  ScramCrypto crypto_;
  Lookup lookup_;
  ScramVerifier verifier_;
  std::string user_;
  const std::vector<ChannelBinding> bindings_;
  std::string header_;        // gs2-header, as the client has to repeat it.
  std::string binding_type_;  // Empty: the login is not bound.
  std::string auth_message_;
};

/// The client's side.
class ScramClient {
 public:
  ScramClient(std::string user, std::string password, std::string nonce, ScramCrypto crypto,
              ScramBinding binding = {});

  /// client-first-message.
  [[nodiscard]] std::string first() const;

  /// Takes server-first-message; returns client-final-message. Empty if the message is malformed,
  /// does not continue the nonce, or requires fewer than 4096 iterations (RFC 7677, section 4) or
  /// more than ten million.
  [[nodiscard]] std::optional<std::string> final(std::string_view message);

  /// Whether server-final-message proves that the server knows the account.
  [[nodiscard]] bool verify(std::string_view message) const;

 private:
  [[nodiscard]] std::string first_bare() const;

  const std::string user_;
  const std::string password_;
  const std::string nonce_;
  const ScramCrypto crypto_;
  const ScramBinding binding_;
  std::optional<Digest> server_signature_;
};

}  // namespace samples
