#include "protocols/resp/encoder.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>

#include "protocols/resp/value.hpp"

namespace protocols::inline v0::resp {
namespace {

constexpr std::string_view line_end = "\r\n";

template <class Integer>
struct Decimal {
  explicit Decimal(Integer value)
      : size(static_cast<std::size_t>(
            std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr -
            digits.data())) {}
  [[nodiscard]] std::string_view text() const { return {digits.data(), size}; }

  std::array<char, 24> digits;
  std::size_t size;
};

[[nodiscard]] std::string text_of(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  std::array<char, 32> digits;
  char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  return std::string(digits.data(), end);
}

}  // namespace

void Encoder::raw(std::string_view text) {
  const Bytes bytes = as_bytes(text);
  out_.insert(out_.end(), bytes.begin(), bytes.end());
}

void Encoder::header(char type, std::size_t length) {
  std::array<char, 32> text;
  text[0] = type;
  char* end =
      std::to_chars(text.data() + 1, text.data() + text.size() - line_end.size(), length).ptr;
  end = std::copy(line_end.begin(), line_end.end(), end);
  raw({text.data(), static_cast<std::size_t>(end - text.data())});
}

bool Encoder::line(char type, std::string_view text) {
  if (text.find_first_of(line_end) != text.npos) return false;
  raw({&type, 1});
  raw(text);
  raw(line_end);
  return true;
}

void Encoder::error(std::string_view text) {
  if (line('-', text)) return;
  std::string cleaned(text);
  std::replace_if(
      cleaned.begin(), cleaned.end(), [](char c) { return c == '\r' || c == '\n'; }, ' ');
  static_cast<void>(line('-', cleaned));
}

void Encoder::integer(std::int64_t value) {
  raw(":");
  raw(Decimal(value).text());
  raw(line_end);
}

void Encoder::bulk(std::string_view text) {
  header('$', text.size());
  raw(text);
  raw(line_end);
}

void Encoder::bulk_error(std::string_view text) {
  if (!is_version_3()) return error(text);
  header('!', text.size());
  raw(text);
  raw(line_end);
}

void Encoder::null() { raw(is_version_3() ? "_\r\n" : "$-1\r\n"); }

void Encoder::boolean(bool value) {
  if (!is_version_3()) return integer(value ? 1 : 0);
  raw(value ? "#t\r\n" : "#f\r\n");
}

void Encoder::real(double value) {
  const std::string text = text_of(value);
  if (!is_version_3()) return bulk(text);
  static_cast<void>(line(',', text));
}

bool Encoder::big_number(std::string_view digits) {
  const bool has_sign = digits.starts_with('+') || digits.starts_with('-');
  const std::string_view unsigned_part = digits.substr(has_sign ? 1 : 0);
  if (unsigned_part.empty()) return false;
  if (unsigned_part.find_first_not_of("0123456789") != digits.npos) return false;
  if (is_version_3()) return line('(', digits);
  bulk(digits);
  return true;
}

bool Encoder::verbatim(std::string_view format, std::string_view text) {
  if (format.size() != 3) return false;
  if (!is_version_3()) {
    bulk(text);
    return true;
  }
  header('=', format.size() + 1 + text.size());
  raw(format);
  raw(":");
  raw(text);
  raw(line_end);
  return true;
}

void Encoder::begin(Type type, std::size_t count) {
  if (is_version_3()) return header(static_cast<char>(type), count);
  header('*', type == Type::map ? 2 * count : count);
}

bool Encoder::value(const Value& value) {
  const std::size_t before = out_.size();
  const bool is_good = tree(value);
  if (!is_good) out_.resize(before);
  return is_good;
}

bool Encoder::tree(const Value& value) {
  if (!value.attributes.empty()) {
    if (!is_version_3() || !aggregate(Type::attribute, value.attributes)) return false;
  }
  if (value.type == Type::attribute) return false;
  return is_aggregate(value.type) ? aggregate(value.type, value.elements) : scalar(value);
}

bool Encoder::aggregate(Type type, const std::vector<Value>& elements) {
  const bool has_pairs = type == Type::map || type == Type::attribute;
  if (has_pairs && elements.size() % 2 != 0) return false;
  begin(type, has_pairs ? elements.size() / 2 : elements.size());
  return std::all_of(elements.begin(), elements.end(),
                     [this](const Value& element) { return tree(element); });
}

bool Encoder::scalar(const Value& value) {
  switch (value.type) {
    case Type::simple:
    case Type::error:
      return line(static_cast<char>(value.type), value.text);
    case Type::integer:
      integer(value.integer);
      return true;
    case Type::bulk:
      bulk(value.text);
      return true;
    case Type::null:
      null();
      return true;
    case Type::boolean:
      boolean(value.boolean);
      return true;
    case Type::real:
      real(value.real);
      return true;
    case Type::big_number:
      return big_number(value.text);
    case Type::bulk_error:
      bulk_error(value.text);
      return true;
    case Type::verbatim:
      return verbatim(value.format, value.text);
    default:
      return false;
  }
}

}  // namespace protocols::resp
