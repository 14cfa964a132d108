#include "samples/frame_inspector/inspector.hpp"

namespace inspector {

const std::vector<Protocol>& protocols_known() {
  static const std::vector<Protocol> all = {
      length_field(), delimiter(),    fixed(),         netstring(),   slip(),      cobs(),
      json_header(),  http_request(), http_response(), http_limits(), websocket(),
  };
  return all;
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
