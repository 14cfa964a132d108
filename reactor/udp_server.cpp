#include "reactor/udp_server.hpp"

#include <cerrno>
#include <string>

namespace reactor {

Result<void> UdpServerOptions::check(std::string_view endpoint) const {
  const auto refuse = [&](std::string why) -> Result<void> {
    Error error = system_error(EINVAL, "bind", std::string(endpoint));
    error.hint = std::move(why);
    return Failure(std::move(error));
  };
  if (max_sessions == 0) return refuse("max_sessions is 0: no peer could be served");
  if (idle_timeout.count() < 0) return refuse("idle_timeout is negative");
  return {};
}

}  // namespace reactor
