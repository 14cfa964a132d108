// The messages of file_transfer; README.md describes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocols/json_header.hpp"
#include "reactor/result.hpp"

namespace file_transfer {

/// A message's header, or an entry of a listing: a JSON object. A value that no message has, such
/// as a list or a negative number, is dropped and only its name is kept.
using Value = std::variant<std::monostate, bool, std::uint64_t, std::string>;
using Header = std::map<std::string, Value, std::less<>>;

/// The type of channel binding that binds a login to the address that the client is connected to.
/// samples::endpoint_of writes its data.
inline constexpr std::string_view endpoint_binding = "uvreactor-endpoint";

/// The limit for one piece of an upload.
inline constexpr std::size_t max_piece_bytes = 1 << 20;

/// The limits for one page of the response to `ls`, and for an entry in it. A name has 255 bytes at
/// most, each written as up to three characters.
inline constexpr std::size_t max_page_bytes = 64 << 10;
inline constexpr std::size_t longest_entry_bytes = 1024;

/// One line of JSON.
[[nodiscard]] std::string to_json(const Header& header);

/// Empty if `json` is no object.
[[nodiscard]] std::optional<Header> parse_header(std::string_view json);

/// A header with its length in front; the caller sends its payload of `payload_bytes` next.
[[nodiscard]] std::vector<std::byte> message(Header header, std::uint64_t payload_bytes = 0);

/// The value of `name`; nothing if it has another type, or is missing.
[[nodiscard]] const std::string* find_text(const Header& header, std::string_view name);
[[nodiscard]] std::string text_of(const Header& header, std::string_view name);
[[nodiscard]] std::optional<std::uint64_t> number_of(const Header& header, std::string_view name);
/// False if it is missing; nothing if it has another type.
[[nodiscard]] std::optional<bool> truth_of(const Header& header, std::string_view name);

/// Names may contain any bytes, but JSON text may not. Bytes that are not printable ASCII, and `%`
/// itself, are written as `%` and two hexadecimal digits.
[[nodiscard]] std::string encode_name(std::string_view bytes);
[[nodiscard]] std::optional<std::string> decode_name(std::string_view text);

/// A path from a home: names with `/` between them, or nothing for the home itself.
///
/// Errors    invalid_argument: absolute, an empty name, `.`, `..`, a NUL
[[nodiscard]] reactor::Result<std::string> decode_path(std::string_view text);

/// `path` in two: all but its last name, and the last name.
struct Split {
  std::string folder;
  std::string name;
};
[[nodiscard]] Split split_path(const std::string& path);

[[nodiscard]] protocols::JsonHeaderStreamDecoder decoder(std::uint64_t max_payload_bytes);

}  // namespace file_transfer
