#include "samples/support/endpoint.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "reactor/resolver.hpp"
#include "samples/support/failed.hpp"

namespace samples {
namespace {

using reactor::Address;
using reactor::Family;

// `..` stays: after a symbolic link, it does not lead back to the folder of the link.
std::string absolute(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path whole = fs::absolute(path, error);
  if (error) throw Failed(reactor::Error{error, "find working folder", {}, {}});
  fs::path plain;
  for (const fs::path& name : whole) {
    if (name != "." && !name.empty()) plain /= name;
  }
  return plain.string();
}

bool is_without_host(const Address& address) {
  if (address.family() == Family::unix_socket) return address.is_unspecified();
  return address.port() == 0 || address.is_unspecified() || address.is_multicast();
}

}  // namespace

std::string endpoint_of(const Address& address) {
  const Address plain = address.unmapped();
  const std::string host = plain.host();
  if (plain.family() == Family::unix_socket) {
    return "unix:" + (host.empty() || host.starts_with('@') ? host : absolute(host));
  }
  const std::string port = ":" + std::to_string(plain.port());
  if (plain.family() == Family::ipv4) return host + port;
  return "[" + host.substr(0, host.find('%')) + "]" + port;
}

std::string dialled_endpoint(reactor::Stream& stream, const std::string& dialled) {
  if (dialled.starts_with("unix:")) return endpoint_of(value_of(Address::parse(dialled)));
  return endpoint_of(value_of(stream.socket().peer_address()));
}

ReachedAs::ReachedAs(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) {
    for (const Address& address : value_of(reactor::resolve_now(text))) {
      if (is_without_host(address)) {
        reactor::Error error = reactor::system_error(EINVAL, "resolve", text);
        error.hint = "clients reach a server by the address of a host and a port that is not 0";
        throw Failed(error);
      }
      others_.push_back(endpoint_of(address));
    }
  }
}

std::vector<std::string> ReachedAs::endpoints_of(reactor::Stream& accepted) const {
  std::vector<std::string> endpoints;
  if (const auto local = accepted.socket().local_address()) {
    endpoints.push_back(endpoint_of(*local));
  }
  endpoints.insert(endpoints.end(), others_.begin(), others_.end());
  return endpoints;
}

}  // namespace samples
