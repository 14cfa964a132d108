// Echo on bare `recv` and `send`, for a library that reports only readiness.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "bench/peers/peer.hpp"

namespace bench {

/// What a connection waits for.
enum class Wants { input, output, nothing };

/// One connection of an echo server. It reads nothing while the client does not take its answers.
class SocketEcho {
 public:
  explicit SocketEcho(int fd) : fd_(fd) {}
  SocketEcho(const SocketEcho&) = delete;
  SocketEcho& operator=(const SocketEcho&) = delete;
  ~SocketEcho() { close(fd_); }

  [[nodiscard]] int fd() const { return fd_; }

  /// Calls recv once and answers the received bytes. `nothing` means that the connection is over.
  Wants on_readable(std::vector<char>& buffer, std::size_t message_bytes) {
    const ssize_t count = recv(fd_, buffer.data(), buffer.size(), 0);
    filled_buffer_ = count == static_cast<ssize_t>(buffer.size());
    if (count <= 0) {
      return count < 0 && (errno == EAGAIN || errno == EINTR) ? Wants::input : Wants::nothing;
    }
    const std::string_view bytes(buffer.data(), static_cast<std::size_t>(count));
    return message_bytes == 0 ? answer(bytes) : answer_each(bytes, message_bytes);
  }

  Wants on_writable() {
    const std::string rest = std::exchange(unsent_, {});
    return answer(rest);
  }

  /// Whether an answer waits until the client reads.
  [[nodiscard]] bool is_blocked() const { return !unsent_.empty(); }
  /// Whether the last read may have left unread input.
  [[nodiscard]] bool filled_buffer() const { return filled_buffer_; }

 private:
  Wants answer(std::string_view bytes) {
    if (!unsent_.empty()) {
      unsent_ += bytes;
      return Wants::output;
    }
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent == static_cast<ssize_t>(bytes.size())) return Wants::input;
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return Wants::nothing;
    unsent_ = bytes.substr(sent < 0 ? 0 : static_cast<std::size_t>(sent));
    return Wants::output;
  }

  Wants answer_each(std::string_view bytes, std::size_t message_bytes) {
    if (!partial_.empty()) {
      const std::size_t missing = message_bytes - partial_.size();
      partial_ += bytes.substr(0, missing);
      bytes.remove_prefix(std::min(missing, bytes.size()));
      if (partial_.size() < message_bytes) return Wants::input;
      if (answer(std::exchange(partial_, {})) == Wants::nothing) return Wants::nothing;
    }
    while (bytes.size() >= message_bytes) {
      if (answer(bytes.substr(0, message_bytes)) == Wants::nothing) return Wants::nothing;
      bytes.remove_prefix(message_bytes);
    }
    partial_ = bytes;
    return unsent_.empty() ? Wants::input : Wants::output;
  }

  int fd_;
  bool filled_buffer_ = false;
  std::string unsent_;   // Bytes that the kernel did not take.
  std::string partial_;  // The beginning of a message.
};

}  // namespace bench
