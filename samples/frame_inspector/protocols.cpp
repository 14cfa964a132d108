#include "samples/frame_inspector/inspector.hpp"

namespace inspector {

const std::vector<Protocol>& protocols_known() {
  static const std::vector<Protocol> all = {
      length_field(), delimiter(), fixed(),        netstring(),
      slip(),         cobs(),      json_header(),  content_length_block(),
      resp(),         proxy(),     http_request(), http_response(),
      http_limits(),  websocket(),
  };
  return all;
}

std::string from_latin1(std::string_view bytes) {
  std::string text;
  for (char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      text += c;
    } else {
      text += static_cast<char>(0xC0 | byte >> 6);
      text += static_cast<char>(0x80 | (byte & 0x3F));
    }
  }
  return text;
}

std::string in_ascii(const Json& value) { return value.dump(-1, ' ', true); }

std::string error_json(const std::error_code& error) {
  const auto reason = static_cast<protocols::DecodeError>(error.value());
  return Json{{"class", name(reason)}, {"text", error.message()}}.dump();
}

Line::Line(protocols::Extent extent)
    : text_("{\"offset\":" + std::to_string(extent.offset) +
            ",\"size\":" + std::to_string(extent.size)) {}

Line::Line(std::string_view end, std::uint64_t offset)
    : text_("{\"end\":\"" + std::string(end) + "\",\"offset\":" + std::to_string(offset)) {}

Line& Line::json(std::string_view name, std::string_view value) {
  text_.append(",\"").append(name).append("\":").append(value);
  return *this;
}

Line& Line::base64(std::string_view name, protocols::Bytes bytes) {
  return json(name, '"' + protocols::to_base64(protocols::as_text(bytes)) + '"');
}

}  // namespace inspector
