#include "reactor/server_options.hpp"

#include <algorithm>
#include <cerrno>
#include <string>

namespace reactor::inline v0 {
namespace {

// The memory of a connection beside its output: the stream and the decoder with their callbacks,
// the entry in the server's list, and the overhead of the allocator. Measured, rounded up.
constexpr std::uint64_t connection_bytes = 2048;

// The memory for the network of a connection, if it is recorded, and for its wait to be accepted.
constexpr std::uint64_t network_bytes = 1024;

// What TLS adds: OpenSSL's state and buffers, which take 45 KiB in a handshake, 64 KiB of encrypted
// output that the kernel did not take, and bytes behind a handshake. Measured, rounded up.
constexpr std::uint64_t tls_bytes = 160 * 1024;

// The buffers that a loop reads into and gathers in.
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

std::size_t ServerOptions::connection_limit() const { return admission_limits().connections; }

AdmissionLimits ServerOptions::admission_limits() const {
  AdmissionLimits limits;
  limits.descriptors = descriptors_for_connections(reserved_descriptors);
  limits.descriptors_each = std::max<std::size_t>(descriptors_each, 1);
  const std::size_t left = limits.descriptors / limits.descriptors_each;
  limits.connections = std::min(max_connections, std::max<std::size_t>(left, 1));
  limits.per_network = max_per_network;
  limits.unaccepted = max_unaccepted;
  limits.unaccepted_timeout = unaccepted_timeout;
  return limits;
}

std::uint64_t ServerOptions::most_bytes(std::uint64_t bytes_each) const {
  const bool gives_way = unaccepted_timeout.count() > 0;
  const std::uint64_t limit = connection_limit();
  const std::uint64_t count = limit + (gives_way ? Admission::most_giving_way : 0);
  const bool knows_networks = gives_way || max_per_network < limit;
  const auto times = [count](std::uint64_t each) {
    return each > UINT64_MAX / 4 / count ? UINT64_MAX / 4 : each * count;
  };
  const std::uint64_t queued =
      std::min<std::uint64_t>(times(max_queued_bytes), max_total_queued_bytes);
  const std::uint64_t bookkeeping =
      connection_bytes + (knows_networks ? network_bytes : 0) + (tls ? tls_bytes : 0);
  return loop_bytes + times(bookkeeping) + times(bytes_each) + queued;
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
  if (descriptors_each == 0)
    return refuse("descriptors_each is 0: a connection takes one at least");
  if (max_per_network == 0) return refuse("max_per_network is 0: no connection could be served");
  if (max_unaccepted == 0) return refuse("max_unaccepted is 0: no connection could be accepted");
  if (unaccepted_timeout.count() < 0) return refuse("unaccepted_timeout is negative");
  if (idle_timeout.count() < 0) return refuse("idle_timeout is negative");
  if (first_progress_timeout.count() < 0) return refuse("first_progress_timeout is negative");
  if (stall_timeout.count() < 0) return refuse("stall_timeout is negative");
  if (close_timeout.count() < 0) return refuse("close_timeout is negative");
  return {};
}

}  // namespace reactor
