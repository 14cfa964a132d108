// The client of a session: what is said to it, and how long it is waited for.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "reactor/idle_timeout.hpp"
#include "reactor/result.hpp"
#include "reactor/stream.hpp"
#include "samples/file_transfer/wire.hpp"

namespace file_transfer {

/// How long a client may say nothing.
struct Patience {
  std::chrono::milliseconds amid_request{0};  ///< Or a login.
  std::chrono::milliseconds between_requests{0};
};

/// Who takes longer than it may is told so, where an answer may stand, and is left.
class Peer {
 public:
  /// Waits for a login.
  Peer(reactor::Loop& loop, reactor::Stream& stream, Patience patience);

  /// A header; its payload of `payload_bytes` is what is written to the stream next.
  void answer(Header header, std::uint64_t payload_bytes = 0);
  void answer(const reactor::Result<void>& result);

  /// An answer, and a line of the log.
  void refuse(const std::string& reason);
  void refuse_and_end(const std::string& reason);

  /// Reads on. Who is asked to end ends in wait_for_request().
  void wait_for_request();
  void wait_for_data();

  void wait_until_it_has_read();

  /// Nothing is waited for, and nothing read.
  void work();

  /// It did what is waited for.
  void touch() { idle_timeout_.touch(); }

  /// Ends once what has begun is done.
  void end();

  [[nodiscard]] reactor::Stream& stream() { return stream_; }
  [[nodiscard]] std::string name() const;

 private:
  enum class State : unsigned char { between_requests, amid_upload, amid_download, working };

  void enter(State state, std::chrono::milliseconds timeout);
  [[nodiscard]] bool still_reads();
  void on_expired();

  reactor::Stream& stream_;
  const Patience patience_;
  State state_ = State::between_requests;
  bool ending_ = false;
  std::chrono::milliseconds timeout_;
  std::optional<std::uint64_t> acknowledged_;  // When it was last looked at.
  reactor::IdleTimeout idle_timeout_;
};

}  // namespace file_transfer
