// The client of a session: the responses to it, and the timeouts for it.
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

/// How long a client may send nothing.
struct Patience {
  std::chrono::milliseconds amid_request{0};  ///< Or a login.
  std::chrono::milliseconds between_requests{0};
};

/// Disconnects a client that exceeds a timeout, after an error where one is possible.
class Peer {
 public:
  /// Waits for a login.
  Peer(reactor::Loop& loop, reactor::Stream& stream, Patience patience);

  /// Sends a header; the caller writes its payload of `payload_bytes` to the stream next.
  void answer(Header header, std::uint64_t payload_bytes = 0);
  void answer(const reactor::Result<void>& result);

  /// Sends an error, and writes a line to the log.
  void refuse(const std::string& reason);
  void refuse_and_end(const std::string& reason);

  /// Resumes reading. After end(), closes the connection instead.
  void wait_for_request();
  void wait_for_data();

  void wait_until_it_has_read();

  /// Waits for nothing, and reads nothing.
  void work();

  /// The client did what is waited for.
  void touch() { idle_timeout_.touch(); }

  /// Ends the connection when the current request is done.
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
  std::optional<std::uint64_t> acknowledged_;  // At the last check.
  reactor::IdleTimeout idle_timeout_;
};

}  // namespace file_transfer
