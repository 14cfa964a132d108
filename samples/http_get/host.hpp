// Host names in any script, converted for the name service.
#pragma once

#include <tl/expected.hpp>

#include <string>
#include <string_view>

namespace http_get {

/// The ASCII form of the host of a URL: lower case, percent-decoded, and each label that is not
/// ASCII as Punycode (RFC 3492): `xn--bcher-kva.example` for `Bücher.example`. An address in
/// brackets is only checked.
///
/// The mapping is the part of UTS #46 that typed and copied names need: lower case, full-width
/// forms and full stops, invisible characters dropped. It does not normalise. A name with combining
/// marks is refused, because it could be looked up as another name.
///
/// Errors    A sentence about what is wrong.
[[nodiscard]] tl::expected<std::string, std::string> ascii_host(std::string_view host);

}  // namespace http_get
