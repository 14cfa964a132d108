// Two sides prove to each other that they share a secret, which neither of them sends.
//
//     server                                      client
//       | -- server nonce: 32 random bytes -------> |
//       | <- client nonce: 32 random bytes -------- |
//       | <- client's proof: 32 bytes ------------- |
//       | -- server's proof: 32 bytes ------------> |
//
// The bytes that follow belong to the program. A proof is HMAC-SHA-256 (RFC 2104, FIPS 180-4) with
// the secret as its key, of these six fields. The length of each field precedes it in four bytes,
// big endian, as in the strings of RFC 4251, section 5:
//
//     label             "uvreactor challenge 2 client" or "uvreactor challenge 2 server"
//     service           what the secret opens: "tcp_echo", "remote_command"
//     endpoint          the address that the client is connected to
//     channel binding   of the TLS connection (RFC 9266: 32 bytes); no bytes without TLS
//     server nonce      32 bytes
//     client nonce      32 bytes
//
// The nonces limit a proof to one connection, and the label limits it to one side. The endpoint
// limits it to one server: a host that a client dials by mistake may request the nonce of another
// server and pass it on to the client, but receives a proof for its own address, which the other
// server does not accept. The service does the same for two services with one secret. The server
// sends its proof last, and only to a client that has proven the secret.
//
// What the exchange does not do:
// - It neither encrypts nor signs what follows. A host on the path between the two passes the
//   proofs on and then reads and changes the rest. Only the channel binding of TLS prevents that.
// - An endpoint identifies a server only within its network: 127.0.0.1:9000 is a server on every
//   host. Use one secret for each service of each server.
// - One recorded exchange is enough to try guesses of the secret. Take 32 random bytes.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/bytes.hpp"
#include "samples/support/digest.hpp"

namespace samples {

/// HMAC-SHA-256 of a message, with the secret as its key. The program implements it with its
/// cryptographic library.
using Mac = std::function<Digest(protocols::Bytes message)>;

/// From a source of random numbers that cannot be predicted, and never used again.
using Nonce = std::array<std::byte, 32>;

/// The scope of a proof. The two sides must agree on all of it.
struct ChallengeBinding {
  std::string service;  ///< What the secret opens.

  /// The client names the one endpoint that it is connected to. The server names each endpoint by
  /// which clients may reach it. If another host may use one of them, that host can borrow proofs.
  /// Without any endpoint every proof is wrong.
  std::vector<std::string> endpoints;

  /// What the TLS library exports of the connection (RFC 9266, `tls-exporter`); empty without TLS.
  std::string channel_binding;
};

/// One side of the exchange. It does no input or output and knows no clock. Its user limits the
/// time of the peer, and closes the connection after a failure.
///
///     Challenge challenge(Challenge::Side::server, nonce, mac, {"tcp_echo", {"192.0.2.1:9000"},
///     {}}); send(challenge.take_output());
///     const Bytes behind = challenge.feed(received);
///     send(challenge.take_output());
///     if (challenge.failed()) give_up();
///     if (challenge.passed()) begin(behind);
///
/// Cost      A server computes an HMAC for each of its endpoints, whichever of them is right.
class Challenge {
 public:
  enum class Side : unsigned char { client, server };

  Challenge(Side side, const Nonce& nonce, Mac mac, ChallengeBinding binding);

  /// Takes the next bytes from the peer, cut anywhere. Returns those behind the exchange as a view
  /// of `bytes`; before passed() it returns none.
  [[nodiscard]] protocols::Bytes feed(protocols::Bytes bytes);

  /// The bytes to send to the peer now. Call it at the beginning and after each feed().
  [[nodiscard]] std::vector<std::byte> take_output();

  /// The peer has proven that it knows the secret, for one of the endpoints.
  [[nodiscard]] bool passed() const { return state_ == State::passed; }

  /// The peer's proof is wrong, or its nonce is this side's own. Nothing that the peer may still
  /// send changes that.
  [[nodiscard]] bool failed() const { return state_ == State::failed; }

  [[nodiscard]] Side side() const { return side_; }
  [[nodiscard]] const ChallengeBinding& binding() const { return binding_; }

 private:
  enum class State : unsigned char { nonce, proof, passed, failed };

  void take_step();
  void take_nonce();
  void take_proof();
  [[nodiscard]] Digest proof_of(Side side, std::string_view endpoint) const;
  void send(protocols::Bytes bytes);

  const Side side_;
  State state_ = State::nonce;  ///< What the peer is to send next.
  Nonce own_nonce_;
  Nonce peer_nonce_{};
  Mac mac_;
  ChallengeBinding binding_;
  std::array<std::byte, 32> received_{};  // A nonce is as long as a proof.
  std::size_t received_bytes_ = 0;
  std::vector<std::byte> output_;
};

}  // namespace samples
