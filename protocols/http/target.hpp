// The target of a request: its four forms (RFC 9112 3.2), and the path in it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocols/detail/cxx20.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0::http {

/// `example.org:80`, `[::1]:80`, `example.org`.
struct Authority {
  std::string_view host;  ///< With its brackets, if it has any.
  std::string_view port;  ///< Digits, or empty.
};

/// Returns nothing if `text` is no authority; one with a user in it is refused (RFC 9110 4.2.4).
[[nodiscard]] std::optional<Authority> parse_authority(std::string_view text);

/// The four forms of RFC 9112 section 3.2.
enum class TargetForm : unsigned char {
  origin,     ///< `/path?query`
  absolute,   ///< `http://example.org/path?query`
  authority,  ///< `example.org:443`, of CONNECT only.
  asterisk,   ///< `*`, of OPTIONS only.
};

/// A target, or an absolute URI, in its parts; those it does not have are empty.
///
/// Lifetime  Views of what was parsed.
struct Target {
  TargetForm form = TargetForm::origin;
  std::string_view scheme;
  Authority authority;
  std::string_view path;  ///< Still percent-encoded; empty for `http://example.org`.
  std::string_view query;
};

/// Returns nothing if `target` has no form that `method` allows.
[[nodiscard]] std::optional<Target> parse_target(std::string_view method, std::string_view target);

/// Whether parse_target() returns a target.
[[nodiscard]] inline bool is_target(std::string_view method, std::string_view target) {
  if (target.starts_with('/') && method != "CONNECT") return true;
  return parse_target(method, target).has_value();
}

/// The path of a target as a name to look up files with: percent-decoded once, without empty
/// segments, beginning with `/`, ending with it if `path` does. Safe to append to the name of a
/// folder where only `/` separates names: returns nothing if a segment is `.` or `..` in any
/// encoding, contains a slash or a NUL, or if a `%` is not followed by two hexadecimal digits.
///
/// The file system defines what a name means on the disk (a symbolic link).
[[nodiscard]] std::optional<std::string> decode_path(std::string_view path);

/// `text` with every byte percent-encoded that a path segment cannot contain; slashes stay.
[[nodiscard]] std::string encode_path(std::string_view text);

}  // namespace protocols::http
#pragma GCC visibility pop
