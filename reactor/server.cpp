#include "reactor/server.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <string>

namespace reactor {
namespace {

// Descriptors that are left to the rest of the program, at least.
constexpr std::size_t reserved_descriptors = 64;

// What a connection takes beside its output: the stream and the decoder with their callbacks, the
// place in the server's list, and what the allocator adds. Measured, rounded up.
constexpr std::uint64_t connection_bytes = 2048;

// What a loop reads into and gathers in.
constexpr std::uint64_t loop_bytes = 1024 * 1024;

enum class Silence { idle = 1, no_first_progress };

class SilenceCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "server"; }
  [[nodiscard]] std::string message(int silence) const override {
    return static_cast<Silence>(silence) == Silence::idle
               ? "the connection was idle for too long"
               : "nothing was received after the connection was accepted";
  }
  [[nodiscard]] std::error_condition default_error_condition(int) const noexcept override {
    return std::errc::timed_out;
  }
};

std::error_code code_of(Silence silence) {
  static const SilenceCategory category;
  return {static_cast<int>(silence), category};
}

}  // namespace

std::error_code idle_too_long() { return code_of(Silence::idle); }

std::error_code no_first_progress() { return code_of(Silence::no_first_progress); }

std::size_t ServerOptions::connection_limit() const {
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return max_connections;
  const auto all = static_cast<std::size_t>(descriptors.rlim_cur);
  const std::size_t left = all > 2 * reserved_descriptors ? all - reserved_descriptors : all / 2;
  return std::min(max_connections, std::max<std::size_t>(left, 1));
}

std::uint64_t ServerOptions::most_bytes(std::uint64_t bytes_each) const {
  const std::uint64_t count = connection_limit();
  const auto times = [count](std::uint64_t each) {
    return each > UINT64_MAX / 4 / count ? UINT64_MAX / 4 : each * count;
  };
  const std::uint64_t queued =
      std::min<std::uint64_t>(times(max_queued_bytes), max_total_queued_bytes);
  return loop_bytes + times(connection_bytes) + times(bytes_each) + queued;
}

SharedLimits ServerOptions::stream_limits() const {
  const Duration stall = stall_timeout.count() > 0 ? stall_timeout : Duration(Duration::max());
  return SharedLimits({.high_water_bytes = high_water_bytes,
                       .max_queued_bytes = max_queued_bytes,
                       .read_bytes = read_bytes,
                       .stall_timeout = stall,
                       .close_timeout = close_timeout,
                       .pause_reading_above_high_water = pause_reading_above_high_water},
                      max_total_queued_bytes);
}

Result<void> ServerOptions::check(std::string_view endpoint) const {
  const auto refuse = [&](std::string why) -> Result<void> {
    Error error = system_error(EINVAL, "listen", std::string(endpoint));
    error.hint = std::move(why);
    return Failure(std::move(error));
  };
  if (max_connections == 0) return refuse("max_connections is 0: no connection could be served");
  if (idle_timeout.count() < 0) return refuse("idle_timeout is negative");
  if (first_progress_timeout.count() < 0) return refuse("first_progress_timeout is negative");
  if (stall_timeout.count() < 0) return refuse("stall_timeout is negative");
  if (close_timeout.count() < 0) return refuse("close_timeout is negative");
  return {};
}

}  // namespace reactor
