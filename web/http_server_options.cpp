#include "web/http_server_options.hpp"

#include <algorithm>

#include "protocols/http/encoder.hpp"

namespace web::inline v0 {
namespace {

// A connection with its request, without what it sends and receives.
constexpr std::uint64_t connection_bytes = 2048;

}  // namespace

HttpServerOptions::HttpServerOptions() {
  limits.max_head_bytes = 32 * 1024;
  // No larger than the smallest file that is sent from its descriptor: then a connection has at
  // most two files open, of which one is partly sent.
  server.high_water_bytes = 16 * 1024;
  server.read_bytes = 64 * 1024;
  // The socket, and two files.
  server.descriptors_each = 3;
  server.unaccepted_timeout = reactor::Duration::max();
  server.max_unaccepted = SIZE_MAX;
  server.first_progress_timeout = server.stall_timeout = reactor::Duration::max();
}

std::uint64_t HttpServerOptions::most_bytes(std::uint64_t bytes_each) const {
  const std::uint64_t head = 2 * limits.max_head_bytes + server.read_bytes;
  const std::uint64_t kept = std::uint64_t{server.max_queued_bytes};
  return server.most_bytes(connection_bytes + head + kept + bytes_each) + max_total_body_bytes;
}

reactor::Result<void> HttpServerOptions::check(std::string_view endpoint) const {
  const auto refuse = [&](const char* why) -> reactor::Result<void> {
    return reactor::Failure(reactor::Error{std::make_error_code(std::errc::invalid_argument),
                                           "listen", std::string(endpoint), why});
  };
  if (head_timeout.count() <= 0) return refuse("head_timeout is not positive");
  if (idle_timeout.count() <= 0) return refuse("idle_timeout is not positive");
  if (stall_timeout.count() <= 0) return refuse("stall_timeout is not positive");
  if (!protocols::http::is_sendable({"Server", server_name})) {
    return refuse("server_name has a character that no field can have");
  }
  return server.check(endpoint);
}

}  // namespace web
