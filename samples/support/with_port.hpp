// The endpoint that a port 0 became.
#pragma once

#include <cstdint>
#include <string>

namespace samples {

/// `HOST:PORT` with this port: all addresses of the host, not only the first. A unix path as it is.
[[nodiscard]] inline std::string with_port(const std::string& endpoint, std::uint16_t port) {
  if (endpoint.starts_with("unix:")) return endpoint;
  return endpoint.substr(0, endpoint.rfind(':') + 1) + std::to_string(port);
}

}  // namespace samples
