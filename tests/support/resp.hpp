// RESP values as text, for transcripts.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/base64.hpp"
#include "protocols/resp/encoder.hpp"
#include "protocols/resp/request.hpp"
#include "protocols/resp/value.hpp"

namespace protocols::resp {

inline std::string text_of_number(double value) {
  std::vector<std::byte> out;
  Encoder(out, Version::resp3).real(value);
  return std::string(as_text(out).substr(1, out.size() - 3));
}

inline std::string describe_scalar(Type type, std::string_view text, std::string_view format,
                                   std::int64_t integer, double real, bool boolean) {
  const std::string first(1, static_cast<char>(type));
  switch (type) {
    case Type::null:
      return "null";
    case Type::integer:
      return std::to_string(integer);
    case Type::real:
      return text_of_number(real);
    case Type::boolean:
      return boolean ? "true" : "false";
    case Type::verbatim:
      return std::string(format) + "=[" + std::string(text) + "]";
    default:
      return first + "[" + std::string(text) + "]";
  }
}

/// "*2(" for an aggregate of two elements, "$[hi]." for the last node of a value.
inline std::string describe(const Node& node) {
  const std::string end = node.is_last ? "." : " ";
  if (is_aggregate(node.type)) {
    return std::string(1, static_cast<char>(node.type)) + std::to_string(node.elements) + "(" + end;
  }
  return describe_scalar(node.type, node.text, node.format, node.integer, node.real, node.boolean) +
         end;
}

inline std::string describe(const std::vector<Value>& values);

/// "*(1 $[hi])" for an array of two.
inline std::string describe(const Value& value) {
  std::string text;
  if (!value.attributes.empty()) text = "|(" + describe(value.attributes) + ")";
  if (is_aggregate(value.type)) {
    return text + static_cast<char>(value.type) + "(" + describe(value.elements) + ")";
  }
  return text + describe_scalar(value.type, value.text, value.format, value.integer, value.real,
                                value.boolean);
}

inline std::string describe(const std::vector<Value>& values) {
  std::string text;
  for (const Value& each : values) text += (text.empty() ? "" : " ") + describe(each);
  return text;
}

inline std::string describe(const Request& request) {
  std::string text = "<";
  for (std::string_view word : request.words) text += "[" + std::string(word) + "]";
  return text + ">";
}

}  // namespace protocols::resp
