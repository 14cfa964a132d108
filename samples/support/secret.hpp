// A secret that both sides of a connection know, and the proof of it at the start.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "reactor/idle_timeout.hpp"
#include "reactor/loop.hpp"
#include "reactor/stream.hpp"
#include "samples/support/challenge.hpp"

namespace samples {

/// The content of a --secret-file, without the line ends at its end. A copy is cheap.
class Secret {
 public:
  /// The file is opened by open_private(). Throws Failed if there is no such file, if it is empty,
  /// or if there is no OpenSSL to prove the secret with.
  [[nodiscard]] static Secret read(const std::string& path);

  /// A new exchange: samples/support/challenge.hpp draws its messages.
  [[nodiscard]] Challenge challenge(Challenge::Side side, ChallengeBinding binding) const;

 private:
  explicit Secret(std::string bytes);
  std::shared_ptr<const std::string> bytes_;
};

/// A connection until its peer has proven that it knows the secret. Sends this side's part of the
/// exchange, and accepts the stream of a peer that has proven the secret. A wrong proof, or a peer
/// that takes too long, ends the stream, whose on_close reports the reason: a server's error names
/// the addresses for which it accepts a proof.
class Gate {
 public:
  Gate(reactor::Loop& loop, reactor::Stream& stream, Challenge challenge,
       std::chrono::milliseconds timeout = std::chrono::seconds(10));

  /// Takes received bytes. Returns those behind the exchange; none before is_open().
  [[nodiscard]] protocols::Bytes pass(protocols::Bytes bytes);

  [[nodiscard]] bool is_open() const { return challenge_.passed(); }

  /// What a client reports to its user if the server closed the connection while the gate was not
  /// open.
  [[nodiscard]] std::string refusal() const;

 private:
  reactor::Stream& stream_;
  Challenge challenge_;
  reactor::IdleTimeout timeout_;
};

}  // namespace samples
