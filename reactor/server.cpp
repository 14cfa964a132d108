#include "reactor/server.hpp"

#include <cerrno>
#include <string>

namespace reactor {

Result<void> ServerOptions::check(std::string_view endpoint) const {
  const auto refuse = [&](std::string why) -> Result<void> {
    Error error = system_error(EINVAL, "listen", std::string(endpoint));
    error.hint = std::move(why);
    return Failure(std::move(error));
  };
  if (max_connections == 0) return refuse("max_connections is 0: no connection could be served");
  if (idle_timeout.count() < 0) return refuse("idle_timeout is negative");
  if (close_timeout.count() < 0) return refuse("close_timeout is negative");
  return {};
}

}  // namespace reactor
