// Where a server sends a client by a Location, and what a user types.
#include <algorithm>

#include "fuzz/fuzz.hpp"
#include "samples/http_get/host.hpp"
#include "web/url.hpp"

namespace url_fuzz {

namespace {

void check(const web::Url& url) {
  const std::string text = url.text();
  const bool plain =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
  fuzz::require(plain, "a URL that breaks a request: " + text);
  fuzz::require(url.target.starts_with('/') && url.target.find('#') == text.npos,
                "no target: " + text);
  fuzz::require(!url.host.empty() && url.host.find_first_of("/@?#\\") == text.npos,
                "no host: " + text);
  const std::size_t colon = url.endpoint.rfind(':');
  fuzz::require(colon != url.endpoint.npos && colon + 1 < url.endpoint.size(),
                "no port: " + url.endpoint);
  const auto again = web::parse_url(text);
  fuzz::require(again && again->text() == text && again->endpoint == url.endpoint,
                "another URL again: " + text);
}

}  // namespace

void fuzz_one(fuzz::Input input) {
  static const web::Url base = *web::parse_url("http://a.example:8080/b/c?d");
  for (const auto& url :
       {web::parse_url(input.rest()), web::parse_url(input.rest(), http_get::ascii_host),
        web::resolve(base, input.rest())}) {
    url ? check(*url) : fuzz::require(!url.error().empty(), "refused without a reason");
  }
}

const fuzz::Target target("url", fuzz_one);

}  // namespace url_fuzz
