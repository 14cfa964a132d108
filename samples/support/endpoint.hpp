// The endpoint that a login is bound to, so that another server cannot borrow it.
#pragma once

#include <string>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/stream.hpp"

namespace samples {

/// `address` in the form that both sides of a connection use: `192.0.2.1:9000` also when it is
/// mapped into IPv6, `[2001:db8::1]:9000` without a scope, `unix:/run/echo.sock` with the whole
/// path, `unix:@echo`. A relative path starts at the working folder; `..` and symbolic links stay.
/// Throws Failed.
[[nodiscard]] std::string endpoint_of(const reactor::Address& address);

/// The endpoint that a client's stream is connected to. `dialled` is the endpoint that the client
/// connected to. The path of a unix socket is taken from there, because the kernel reports the path
/// that the server chose, which may be that of another server. Throws Failed.
[[nodiscard]] std::string dialled_endpoint(reactor::Stream& stream, const std::string& dialled);

/// The endpoints by which clients reach a server, beside those that it listens on.
class ReachedAs {
 public:
  ReachedAs() = default;

  /// Each text is `HOST:PORT`, `[::1]:PORT` or `unix:PATH`. Names are resolved now. Throws Failed,
  /// also for port 0 and for an address that belongs to no host.
  explicit ReachedAs(const std::vector<std::string>& texts);

  /// The endpoints of a connection that the server has accepted: its local address, and the others.
  [[nodiscard]] std::vector<std::string> endpoints_of(reactor::Stream& accepted) const;

 private:
  std::vector<std::string> others_;
};

/// The text of `--help`.
inline constexpr const char* reached_as_help =
    "An address by which clients reach this server through a relay, a balancer or NAT: HOST:PORT "
    "or unix:PATH; may be repeated. What a client proves holds only for the address that it is "
    "connected to";

}  // namespace samples
