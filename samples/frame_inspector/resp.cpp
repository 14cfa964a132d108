// RESP, under the names and settings of the conformance cases.
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "protocols/resp/value.hpp"
#include "samples/frame_inspector/inspector.hpp"

namespace inspector {
namespace {

using protocols::resp::Type;
using protocols::resp::Value;

constexpr std::uint64_t largest_depth = 10'000;  // JSON is written with recursion.

std::string_view name_of(Type type) {
  switch (type) {
    case Type::simple:
      return "simple";
    case Type::error:
      return "error";
    case Type::integer:
      return "int";
    case Type::bulk:
      return "bulk";
    case Type::array:
      return "array";
    case Type::null:
      return "null";
    case Type::boolean:
      return "bool";
    case Type::real:
      return "double";
    case Type::big_number:
      return "bignum";
    case Type::bulk_error:
      return "bulk_error";
    case Type::verbatim:
      return "verbatim";
    case Type::map:
      return "map";
    case Type::set:
      return "set";
    case Type::push:
      return "push";
    default:
      return "attribute";
  }
}

// The shortest text that restores the value, as Python writes it: 10.0, 1.5e-05, 1e+16.
std::string text_of(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[32];
  const auto end = std::to_chars(buffer, std::end(buffer), value, std::chars_format::scientific);
  std::string scientific(buffer, end.ptr);
  const std::size_t e = scientific.find('e');
  const int exponent = std::atoi(scientific.c_str() + e + 1);
  if (exponent < -4 || exponent >= 16) return scientific;
  const std::string sign = scientific.front() == '-' ? "-" : "";
  std::string digits;
  for (char c : scientific.substr(0, e)) {
    if (c >= '0' && c <= '9') digits += c;
  }
  if (exponent < 0)
    return sign + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= whole) digits.resize(whole + 1, '0');
  return sign + digits.substr(0, whole) + '.' + digits.substr(whole);
}

// Without a plus.
std::string digits_of(const std::string& number) {
  return number.starts_with('+') ? number.substr(1) : number;
}

Json as_json(const Value& value);

Json as_list(const std::vector<Value>& values) {
  Json list = Json::array();
  for (const Value& each : values) list.push_back(as_json(each));
  return list;
}

Json as_pairs(const std::vector<Value>& values) {
  Json pairs = Json::array();
  for (std::size_t i = 0; i + 1 < values.size(); i += 2) {
    pairs.push_back(Json::array({as_json(values[i]), as_json(values[i + 1])}));
  }
  return pairs;
}

void add_content(const Value& value, Json& json) {
  switch (value.type) {
    case Type::null:
      return;
    case Type::simple:
    case Type::error:
      json["v"] = from_latin1(value.text);
      return;
    case Type::integer:
      json["v"] = std::to_string(value.integer);
      return;
    case Type::boolean:
      json["v"] = value.boolean;
      return;
    case Type::real:
      json["v"] = text_of(value.real);
      return;
    case Type::big_number:
      json["v"] = digits_of(value.text);
      return;
    case Type::verbatim:
      json["fmt"] = from_latin1(value.format);
      [[fallthrough]];
    case Type::bulk:
    case Type::bulk_error:
      json["b64"] = protocols::to_base64(value.text);
      return;
    case Type::map:
      json["v"] = as_pairs(value.elements);
      return;
    default:
      json["v"] = as_list(value.elements);
      return;
  }
}

Json as_json(const Value& value) {
  Json json{{"t", name_of(value.type)}};
  add_content(value, json);
  if (!value.attributes.empty()) json["attributes"] = as_pairs(value.attributes);
  return json;
}

void describe_value(const Value& value, Line& line) {
  const Json json = as_json(value);
  for (const auto& [name, member] : json.items()) line.json(name, in_ascii(member));
}

}  // namespace

Protocol resp() {
  return {"resp",
          {{"proto", 3}, {"max_bulk", 536870912}, {"max_elements", 1048576}, {"max_depth", 128}},
          [](const Config& config) {
            const std::uint64_t version = config.count("proto");
            if (version != 2 && version != 3) throw WrongSetting("proto: 2 or 3 is wanted");
            protocols::resp::Limits limits;
            limits.version = static_cast<protocols::resp::Version>(version);
            limits.max_bulk_bytes = config.count("max_bulk");
            limits.max_elements = config.count("max_elements");
            limits.max_depth = config.count("max_depth");
            if (limits.max_depth > largest_depth) {
              throw WrongSetting("max_depth: a number up to 10000 is wanted");
            }
            limits.max_value_bytes = UINT64_MAX;
            return inspect(protocols::resp::ValueDecoder(limits), describe_value);
          }};
}

}  // namespace inspector
