// Two sides prove to each other that they share a secret, which neither sends.
//
//     server                                      client
//       | -- server nonce: 32 random bytes -------> |
//       | <- client nonce: 32 random bytes -------- |
//       | <- 32 bytes: MAC(client label + both) --- |
//       | -- 32 bytes: MAC(server label + both) --> |
//
// and from the next byte on whatever the two have to say. MAC is HMAC-SHA-256 (RFC 2104, FIPS 180-4)
// with the secret as its key, over the label, the server's nonce and the client's nonce. The labels are
// the ASCII texts "uvreactor challenge 1 client" and "uvreactor challenge 1 server".
//
// The nonces make an answer good for one connection, so that one that was recorded proves nothing;
// the labels make an answer good for one side, so that one that is reflected proves nothing.
//
// What it does not do: it neither encrypts nor signs what follows, and who sits between the two may
// pass the proofs on and then read and change all the rest. It tells who has connected over a
// network that is trusted not to interfere. A secret that can be guessed is found by trying from one
// recorded exchange: take 32 random bytes.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <vector>

#include "protocols/bytes.hpp"

namespace protocols {

/// HMAC-SHA-256 of a message, the key being the secret: what the program brings, on top of the
/// cryptographic library that it has.
using Digest = std::array<std::byte, 32>;
using Mac = std::function<Digest(Bytes message)>;

/// From a source of random numbers that nobody can predict, and never used again.
using Nonce = std::array<std::byte, 32>;

/// One side of the exchange. It does no input or output and knows no clock: how long the peer may
/// take is for its user to say, and that a failure ends the connection.
///
///     Challenge challenge(Challenge::Side::server, nonce, mac);
///     send(challenge.take_output());
///     const Bytes behind = challenge.feed(received);
///     send(challenge.take_output());
///     if (challenge.failed()) give_up();
///     if (challenge.passed()) begin(behind);
class Challenge {
 public:
  enum class Side : unsigned char { client, server };

  Challenge(Side side, const Nonce& nonce, Mac mac);

  /// Takes the next bytes from the peer, cut anywhere. Returns those that are behind the exchange: a
  /// view of `bytes`, and nothing before passed().
  [[nodiscard]] Bytes feed(Bytes bytes);

  /// What the peer is to be sent now: asked for at the beginning and after each feed().
  [[nodiscard]] std::vector<std::byte> take_output();

  /// The peer has proven that it knows the secret.
  [[nodiscard]] bool passed() const { return state_ == State::passed; }

  /// It has proven that it does not. Nothing that it may still send changes that.
  [[nodiscard]] bool failed() const { return state_ == State::failed; }

 private:
  enum class State : unsigned char { nonce, proof, passed, failed };

  void take_step();
  [[nodiscard]] Digest proof_of(Side side) const;
  void send(Bytes bytes);

  const Side side_;
  State state_ = State::nonce;  ///< What the peer is to send next.
  Nonce own_nonce_;
  Nonce peer_nonce_{};
  Mac mac_;
  std::array<std::byte, 32> received_{};  // Either is as long.
  std::size_t received_bytes_ = 0;
  std::vector<std::byte> output_;
};

}  // namespace protocols
