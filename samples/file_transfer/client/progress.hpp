// How far a transfer is: a bar on a terminal, a line at its end elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace file_transfer {

/// `1.5 MiB`
[[nodiscard]] std::string readable_size(double bytes);

class Progress {
 public:
  /// `resumed_at` bytes existed before.
  Progress(const std::string& name, std::uint64_t size, std::uint64_t resumed_at);

  void at(std::uint64_t bytes);
  void done();

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] double rate(std::uint64_t bytes) const;

  const std::string name_;
  const std::uint64_t size_;
  const std::uint64_t resumed_at_;
  const bool on_terminal_;
  const Clock::time_point began_ = Clock::now();
  Clock::time_point shown_;
};

}  // namespace file_transfer
