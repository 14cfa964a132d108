// Sends requests with a length in front, and connects again when that fails: in two styles.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

#include "protocols/length_prefixed.hpp"
#include "samples/support/failed.hpp"

namespace request_client {

struct Options {
  std::string endpoint;
  std::vector<std::string> requests;
  std::size_t tries = 5;  ///< Attempts that may fail, one after the other, before it gives up.
};

/// How long to wait before the next attempt: twice as long after each failure.
class Backoff {
 public:
  explicit Backoff(std::size_t tries) : tries_(tries) {}

  /// `error` is empty if the server has ended the connection. Throws Failed after the last attempt,
  /// and when another one would be in vain.
  [[nodiscard]] std::chrono::milliseconds after(const reactor::Error& error) {
    if (failures_ + 1 >= tries_ || samples::is_malformed_endpoint(error)) {
      throw error ? samples::Failed(error) : samples::Failed("the server has ended");
    }
    constexpr std::chrono::milliseconds first(50), longest(5000);
    return std::min(first * (1 << std::min<std::size_t>(failures_++, 10)), longest);
  }
  void reset() { failures_ = 0; }

 private:
  std::size_t tries_;
  std::size_t failures_ = 0;
};

[[nodiscard]] inline std::vector<std::byte> frame_of(const std::string& request) {
  std::vector<std::byte> frame;
  (void)protocols::append_length_prefixed(frame, protocols::as_bytes(request));
  return frame;
}

inline void print(protocols::Bytes response) {
  std::printf("%s\n", std::string(protocols::as_text(response)).c_str());
  std::fflush(stdout);
}

/// Both throw Failed.
void ask_by_callbacks(const Options& options);
void ask_by_coroutine(const Options& options);

}  // namespace request_client
