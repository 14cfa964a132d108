#include "web/http_client_options.hpp"

#include <utility>

#include "protocols/http/encoder.hpp"
#include "protocols/http/target.hpp"

namespace web::inline v0 {

reactor::Result<void> HttpClientOptions::check() const {
  const auto refuse = [](std::string hint) {
    return reactor::Failure(reactor::Error{
        make_error_code(std::errc::invalid_argument), "request", {}, std::move(hint)});
  };
  const reactor::Duration zero;
  if (max_connections == 0) return refuse("max_connections is 0");
  if (max_connections_per_origin == 0) return refuse("max_connections_per_origin is 0");
  if (max_redirects < 0) return refuse("max_redirects is negative");
  if (response_timeout <= zero) return refuse("response_timeout is not positive");
  if (stall_timeout <= zero) return refuse("stall_timeout is not positive");
  if (total_timeout <= zero) return refuse("total_timeout is not positive");
  if (!to_ascii) return refuse("to_ascii is null");
  const auto proxy_authority = protocols::http::parse_authority(proxy);
  if (!proxy.empty() && (!proxy_authority || proxy_authority->port.empty())) {
    return refuse("proxy is no HOST:PORT");
  }
  for (const std::string& value : {proxy_authorization, user_agent}) {
    if (!protocols::http::is_sendable({"X", value})) {
      return refuse("proxy_authorization or user_agent has a control character");
    }
  }
  return {};
}

bool HttpClientOptions::uses_proxy(const Url& url) const {
  const std::string host = url.name();
  for (const std::string& direct : no_proxy) {
    if (direct.starts_with('.') ? host.ends_with(direct) : host == direct) return false;
  }
  return !proxy.empty();
}

}  // namespace web
