// What file_transfer's two sides say to each other; README.md describes it.
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

/// A message's header, or an entry of a listing: a JSON object. Of values that no message has, such
/// as lists and negative numbers, only the name is kept.
using Value = std::variant<std::monostate, bool, std::uint64_t, std::string>;
using Header = std::map<std::string, Value, std::less<>>;

/// The type of channel binding by which a login is bound to the address that the client is connected
/// to: samples::endpoint_of writes its data.
inline constexpr std::string_view endpoint_binding = "uvreactor-endpoint";

/// Of one piece of an upload.
inline constexpr std::size_t max_piece_bytes = 1 << 20;

/// Of one page of the answer to `ls`, and of an entry in it: a name has 255 bytes at most, each of
/// them three characters.
inline constexpr std::size_t max_page_bytes = 64 << 10;
inline constexpr std::size_t longest_entry_bytes = 1024;

/// One line of JSON.
[[nodiscard]] std::string to_json(const Header& header);

/// Nothing where `json` is no object.
[[nodiscard]] std::optional<Header> parse_header(std::string_view json);

/// A header with its length in front; its payload of `payload_bytes` is what is sent next.
[[nodiscard]] std::vector<std::byte> message(Header header, std::uint64_t payload_bytes = 0);

/// The value of `name`: nothing where it is of another type, or not there.
[[nodiscard]] const std::string* find_text(const Header& header, std::string_view name);
[[nodiscard]] std::string text_of(const Header& header, std::string_view name);
[[nodiscard]] std::optional<std::uint64_t> number_of(const Header& header, std::string_view name);
/// False where it is not there; nothing where it is of another type.
[[nodiscard]] std::optional<bool> truth_of(const Header& header, std::string_view name);

/// Names may have any bytes, and JSON text may not: what is not printable ASCII, and `%` itself, is
/// written as `%` and two hexadecimal digits.
[[nodiscard]] std::string encode_name(std::string_view bytes);
[[nodiscard]] std::optional<std::string> decode_name(std::string_view text);

/// A path from a home: names with `/` between them, or nothing for the home itself.
///
/// Errors    invalid_argument: absolute, an empty name, `.`, `..`, a NUL
[[nodiscard]] reactor::Result<std::string> decode_path(std::string_view text);

/// `path` in two: all but its last name, and that.
struct Split {
  std::string folder;
  std::string name;
};
[[nodiscard]] Split split_path(const std::string& path);

[[nodiscard]] protocols::JsonHeaderStreamDecoder decoder(std::uint64_t max_payload_bytes);

}  // namespace file_transfer
