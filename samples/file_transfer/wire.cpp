#include "samples/file_transfer/wire.hpp"

#include <nlohmann/json.hpp>

#include <charconv>
#include <utility>

#include "samples/data_size.hpp"

namespace file_transfer {
namespace {

using Json = nlohmann::json;

template <class T>
const T* find(const Header& header, std::string_view name) {
  const auto found = header.find(name);
  return found != header.end() ? std::get_if<T>(&found->second) : nullptr;
}

}  // namespace

std::string to_json(const Header& header) {
  Json object = Json::object();
  for (const auto& [name, value] : header) {
    Json& member = object[name];
    if (const auto* const text = std::get_if<std::string>(&value)) member = *text;
    if (const auto* const number = std::get_if<std::uint64_t>(&value)) member = *number;
    if (const auto* const truth = std::get_if<bool>(&value)) member = *truth;
  }
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<Header> parse_header(std::string_view json) {
  const Json object = Json::parse(json, nullptr, false);
  if (!object.is_object()) return std::nullopt;
  Header header;
  for (const auto& [name, value] : object.items()) {
    Value& held = header[name];
    if (value.is_string()) held = value.get<std::string>();
    if (value.is_number_unsigned()) held = value.get<std::uint64_t>();
    if (value.is_boolean()) held = value.get<bool>();
  }
  return header;
}

std::vector<std::byte> message(Header header, std::uint64_t payload_bytes) {
  header["data_size"] = payload_bytes;
  std::vector<std::byte> out;
  protocols::append_json_header(out, to_json(header));
  return out;
}

const std::string* find_text(const Header& header, std::string_view name) {
  return find<std::string>(header, name);
}

std::string text_of(const Header& header, std::string_view name) {
  const std::string* const text = find_text(header, name);
  return text ? *text : "";
}

std::optional<std::uint64_t> number_of(const Header& header, std::string_view name) {
  const auto* const number = find<std::uint64_t>(header, name);
  return number ? std::optional(*number) : std::nullopt;
}

std::optional<bool> truth_of(const Header& header, std::string_view name) {
  if (!header.contains(name)) return false;
  const bool* const truth = find<bool>(header, name);
  return truth ? std::optional(*truth) : std::nullopt;
}

std::string encode_name(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '%') {
      text += c;
    } else {
      text += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return text;
}

std::optional<std::string> decode_name(std::string_view text) {
  std::string bytes;
  for (; !text.empty(); text.remove_prefix(1)) {
    if (text.front() != '%') {
      bytes += text.front();
      continue;
    }
    unsigned value = 0;
    if (text.size() < 3) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data() + 1, text.data() + 3, value, 16);
    if (error != std::errc() || end != text.data() + 3) return std::nullopt;
    bytes += static_cast<char>(value);
    text.remove_prefix(2);
  }
  return bytes;
}

reactor::Result<std::string> decode_path(std::string_view text) {
  const auto refuse = [](std::string hint) {
    return reactor::Failure(reactor::Error{
        std::make_error_code(std::errc::invalid_argument), "read path", {}, std::move(hint)});
  };
  auto path = decode_name(text);
  if (!path) return refuse("% is not followed by two hexadecimal digits");
  if (path->find('\0') != path->npos) return refuse("a name has a NUL");
  if (path->empty()) return std::move(*path);
  for (std::string_view rest = *path;;) {
    const std::size_t slash = rest.find('/');
    const std::string_view name = rest.substr(0, slash);
    if (name.empty()) return refuse("it is absolute, or a name is empty");
    if (name == "." || name == "..") return refuse("no name may be . or ..");
    if (slash == rest.npos) return std::move(*path);
    rest.remove_prefix(slash + 1);
  }
}

Split split_path(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == path.npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

protocols::JsonHeaderStreamDecoder decoder(std::uint64_t max_payload_bytes) {
  return protocols::JsonHeaderStreamDecoder({.read_payload_size = samples::data_size,
                                             .max_header_bytes = 65536,
                                             .max_payload_bytes = max_payload_bytes});
}

}  // namespace file_transfer
