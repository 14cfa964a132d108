// Names and values in a query or in the body of a form: `name=value&name=value`.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocols/detail/cxx20.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0::http {

/// Decoded names with their values, in the order in which they were sent.
using NamedValues = std::vector<std::pair<std::string, std::string>>;

/// Decodes `application/x-www-form-urlencoded`: `+` is a blank, and `%XX` is decoded once. A `%`
/// that no two hexadecimal digits follow stays as it is. A name without `=` has an empty value.
[[nodiscard]] NamedValues decode_form(std::string_view text);

}  // namespace protocols::http
#pragma GCC visibility pop
