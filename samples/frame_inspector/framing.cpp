// The framing decoders, under the names and settings of the conformance cases.
#include <algorithm>

#include "protocols/cobs.hpp"
#include "protocols/content_length_block.hpp"
#include "protocols/delimited.hpp"
#include "protocols/fixed.hpp"
#include "protocols/json_header.hpp"
#include "protocols/length_prefixed.hpp"
#include "protocols/lines.hpp"
#include "protocols/netstring.hpp"
#include "protocols/slip.hpp"
#include "samples/data_size.hpp"
#include "samples/frame_inspector/inspector.hpp"

namespace inspector {
namespace {

constexpr std::size_t largest_payload = 1 << 20;
constexpr std::size_t largest_text = 65536;

protocols::LengthField length_field_of(const Config& config) {
  if (config["length_bytes"] == "varint") return protocols::LengthField::varint;
  switch (const std::uint64_t width = config.count("length_bytes")) {
    case 1:
    case 2:
    case 3:
    case 4:
    case 8:
      return static_cast<protocols::LengthField>(width);
    default:
      throw WrongSetting("length_bytes: 1, 2, 3, 4, 8 or varint is wanted");
  }
}

std::endian byte_order_of(const Config& config) {
  const std::string order = config.text("endian");
  if (order == "be") return std::endian::big;
  if (order == "le") return std::endian::little;
  throw WrongSetting("endian: be or le is wanted");
}

std::vector<std::string> delimiters_of(const Config& config) {
  std::vector<std::string> delimiters;
  for (const std::string& text : config.texts("delims_b64")) {
    const auto delimiter = protocols::from_base64(text);
    if (!delimiter || delimiter->empty()) throw WrongSetting("delims_b64: base64 is wanted");
    delimiters.push_back(*delimiter);
  }
  if (delimiters.empty()) throw WrongSetting("delims_b64: has to be given");
  return delimiters;
}

void describe_line(const std::string_view& frame, Line& line) {
  describe_bytes(protocols::as_bytes(frame), line);
}

// The JSON as it arrived, so that no number changes, but in ASCII: some readers of lines take
// U+0085 or U+2028 for a line end. Characters beyond ASCII occur only in strings, line ends only
// between tokens.
std::string in_one_line(std::string_view json) {
  const auto is_ascii = [](char byte) { return static_cast<unsigned char>(byte) < 0x80; };
  const auto is_line_end = [](char byte) { return byte == '\n' || byte == '\r'; };
  std::string line;
  for (auto at = json.begin(); at != json.end();) {
    const auto others = std::find_if_not(at, json.end(), is_ascii);
    const auto next = std::find_if(others, json.end(), is_ascii);
    const std::string escaped = Json(std::string(others, next)).dump(-1, ' ', true);
    line.append(at, others).append(escaped, 1, escaped.size() - 2);
    at = next;
  }
  std::replace_if(line.begin(), line.end(), is_line_end, ' ');
  return line;
}

void describe_message(const protocols::JsonMessage& message, Line& line) {
  line.json("header", in_one_line(message.header)).base64("payload_b64", message.payload);
}

void describe_block(const protocols::ContentBlock& block, Line& line) {
  line.json("content_type", in_ascii(from_latin1(block.content_type)));
  line.base64("content_b64", block.content);
}

}  // namespace

Protocol length_field() {
  return {"length_field",
          {{"offset", 0},
           {"length_bytes", 4},
           {"endian", "be"},
           {"adjust", 0},
           {"strip", nullptr},  // All up to the payload.
           {"max", largest_payload}},
          [](const Config& config) {
            protocols::LengthPrefixed format;
            format.max_frame_bytes = config.count("max");
            format.length_field_offset = config.count("offset");
            if (format.length_field_offset > SIZE_MAX - protocols::Varint::max_bytes) {
              throw WrongSetting("offset: no frame is that long");
            }
            format.length_field = length_field_of(config);
            format.byte_order = byte_order_of(config);
            format.length_adjustment = config.integer("adjust");
            if (config.has("strip")) format.initial_bytes_to_strip = config.count("strip");
            return inspect(protocols::LengthPrefixedDecoder(format), describe_bytes);
          }};
}

Protocol delimiter() {
  return {"delimiter",
          {{"mode", "line"}, {"delims_b64", Json::array()}, {"strip", true}, {"max", largest_text}},
          [](const Config& config) {
            const std::string mode = config.text("mode");
            const bool strip = config.flag("strip");
            const std::size_t max = config.count("max");
            if (mode == "line") {
              return inspect(protocols::LineDecoder({.max_line_bytes = max, .strip = strip}),
                             describe_line);
            }
            if (mode != "delims") throw WrongSetting("mode: line or delims is wanted");
            return inspect(
                protocols::DelimitedDecoder(
                    {.delimiters = delimiters_of(config), .max_frame_bytes = max, .strip = strip}),
                describe_bytes);
          }};
}

Protocol fixed() {
  return {"fixed", {{"size", nullptr}}, [](const Config& config) {
            const std::size_t size = config.has("size") ? config.count("size") : 0;
            if (size == 0) throw WrongSetting("size: has to be given, at least 1");
            return inspect(protocols::FixedDecoder({.frame_bytes = size}), describe_bytes);
          }};
}

Protocol netstring() {
  return {"netstring", {{"max", largest_payload}}, [](const Config& config) {
            return inspect(protocols::NetstringDecoder({.max_payload_bytes = config.count("max")}),
                           describe_bytes);
          }};
}

Protocol slip() {
  return {"slip", {{"max", largest_text}}, [](const Config& config) {
            return inspect(protocols::SlipDecoder({.max_payload_bytes = config.count("max")}),
                           describe_bytes);
          }};
}

Protocol cobs() {
  return {"cobs", {{"max", largest_text}}, [](const Config& config) {
            return inspect(protocols::CobsDecoder({.max_payload_bytes = config.count("max")}),
                           describe_bytes);
          }};
}

Protocol json_header() {
  return {"json_header",
          {{"max_header", largest_text}, {"max_payload", largest_payload}},
          [](const Config& config) {
            return inspect(
                protocols::JsonHeaderDecoder({.read_payload_size = samples::data_size,
                                              .max_header_bytes = config.count("max_header"),
                                              .max_payload_bytes = config.count("max_payload")}),
                describe_message);
          }};
}

Protocol content_length_block() {
  return {"content_length_block",
          {{"max_header", 4096}, {"max_content", 1 << 24}},
          [](const Config& config) {
            return inspect(protocols::ContentLengthBlockDecoder(
                               {.max_header_bytes = config.count("max_header"),
                                .max_content_bytes = config.count("max_content")}),
                           describe_block);
          }};
}

}  // namespace inspector
