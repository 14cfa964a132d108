#include "samples/file_transfer/client/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "samples/support/printable.hpp"

namespace file_transfer {

std::string readable_size(double bytes) {
  constexpr std::array units = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < units.size(); ++unit) bytes /= 1024;
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units.at(unit));
  return text;
}

Progress::Progress(const std::string& name, std::uint64_t size, std::uint64_t resumed_at)
    : name_(samples::escaped(name)),
      size_(size),
      resumed_at_(resumed_at),
      on_terminal_(isatty(STDERR_FILENO)) {}

double Progress::rate(std::uint64_t bytes) const {
  const std::chrono::duration<double> passed = Clock::now() - began_;
  return static_cast<double>(bytes - resumed_at_) / std::max(passed.count(), 1e-6);
}

void Progress::at(std::uint64_t bytes) {
  const auto now = Clock::now();
  if (!on_terminal_ || now - shown_ < std::chrono::milliseconds(200)) return;
  shown_ = now;
  const double part = size_ == 0 ? 1 : static_cast<double>(bytes) / static_cast<double>(size_);
  const double per_second = rate(bytes);
  std::string left = "-:--";
  if (bytes > resumed_at_) {
    const auto seconds = static_cast<long>(static_cast<double>(size_ - bytes) / per_second);
    left = fmt::format("{}:{:02}", seconds / 60, seconds % 60);
  }
  std::string bar(20, ' ');
  std::fill_n(bar.begin(), static_cast<std::size_t>(part * 20), '#');
  std::fprintf(stderr, "\r%s [%s] %3.0f %% %s/s %s left\x1b[K", name_.c_str(), bar.c_str(),
               part * 100, readable_size(per_second).c_str(), left.c_str());
}

void Progress::done() {
  if (on_terminal_) std::fputs("\r\x1b[K", stderr);
  const std::string resumed =
      resumed_at_ == 0 ? "" : ", resumed at " + std::to_string(resumed_at_) + " bytes";
  std::printf("%s: %llu bytes, %s/s%s\n", name_.c_str(), static_cast<unsigned long long>(size_),
              readable_size(rate(size_)).c_str(), resumed.c_str());
  std::fflush(stdout);
}

}  // namespace file_transfer
