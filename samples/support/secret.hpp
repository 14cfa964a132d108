// A secret that both sides of a connection know, and the proof of it before anything else.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "reactor/idle_timeout.hpp"
#include "reactor/loop.hpp"
#include "reactor/stream.hpp"
#include "samples/support/challenge.hpp"

namespace samples {

/// What is in a --secret-file, without the line ends at its end. Copied freely.
class Secret {
 public:
  /// The file is opened by open_private(). Fails, as programs do: there is no such file, it is
  /// empty, or there is no OpenSSL to prove the secret by.
  [[nodiscard]] static Secret read(const std::string& path);

  /// A new exchange: samples/support/challenge.hpp draws its wire.
  [[nodiscard]] Challenge challenge(Challenge::Side side, ChallengeBinding binding) const;

 private:
  explicit Secret(std::string bytes);
  std::shared_ptr<const std::string> bytes_;
};

/// A connection until its peer has proven that it knows the secret. Sends this side's part of the
/// exchange, and accepts the stream of a peer that has proven the secret. A wrong proof, and a peer
/// that takes too long, end the stream, whose on_close tells why: a server's error names the
/// addresses for which it accepts a proof.
class Gate {
 public:
  Gate(reactor::Loop& loop, reactor::Stream& stream, Challenge challenge,
       std::chrono::milliseconds timeout = std::chrono::seconds(10));

  /// Takes what was received; returns what lies behind the exchange, nothing before is_open().
  [[nodiscard]] protocols::Bytes pass(protocols::Bytes bytes);

  [[nodiscard]] bool is_open() const { return challenge_.passed(); }

  /// What a client tells its user when the server has closed the connection and the gate is not
  /// open.
  [[nodiscard]] std::string refusal() const;

 private:
  reactor::Stream& stream_;
  Challenge challenge_;
  reactor::IdleTimeout timeout_;
};

}  // namespace samples
