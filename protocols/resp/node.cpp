#include "protocols/resp/node.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <limits>
#ifndef __cpp_lib_to_chars
#include <locale>
#include <sstream>
#include <string>
#endif

#include "protocols/resp/length.hpp"

namespace protocols::inline v0::resp {
namespace {

constexpr std::size_t line_end_bytes = 2;
constexpr std::size_t format_bytes = 3;    // Of a verbatim string; a colon follows.
constexpr std::size_t smallest_value = 3;  // `_\r\n`
constexpr std::uint64_t largest_magnitude = std::uint64_t{1} << 63;

// What the text of a number, a boolean or a null may continue with. Each state is what was read
// last.
namespace state {

enum State : unsigned char {
  start,
  plus,
  minus,
  digits,
  dot,
  fraction,
  e,
  e_sign,
  exponent,
  word,
  wrong
};

[[nodiscard]] bool is_digit(char c) { return c >= '0' && c <= '9'; }

[[nodiscard]] State after_of_integer(State before, char c) {
  if (before <= digits && is_digit(c)) return digits;
  if (before == start && (c == '+' || c == '-')) return c == '+' ? plus : minus;
  return wrong;
}

[[nodiscard]] State after_of_real(State before, char c) {
  switch (before) {
    case digits:
      if (c == '.') return dot;
      if (c == 'e' || c == 'E') return e;
      break;
    case dot:
    case fraction:
      if (is_digit(c)) return fraction;
      return before == fraction && (c == 'e' || c == 'E') ? e : wrong;
    case e:
      if (c == '+' || c == '-') return e_sign;
      [[fallthrough]];
    case e_sign:
    case exponent:
      return is_digit(c) ? exponent : wrong;
    default:
      break;
  }
  return after_of_integer(before, c);
}

[[nodiscard]] bool is_number(State last) {
  return last == digits || last == fraction || last == exponent;
}

}  // namespace state

[[nodiscard]] bool is_version_3(Type type) {
  switch (type) {
    case Type::simple:
    case Type::error:
    case Type::integer:
    case Type::bulk:
    case Type::array:
      return false;
    default:
      return true;
  }
}

[[nodiscard]] bool is_known(Type type) {
  return type != Type{} && std::strchr("+-:$*_#,(!=%~>|", static_cast<char>(type)) != nullptr;
}

[[nodiscard]] DecodeError error_of(Type type) {
  switch (type) {
    case Type::integer:
      return DecodeError::bad_integer;
    case Type::real:
      return DecodeError::bad_double;
    case Type::big_number:
      return DecodeError::bad_big_number;
    case Type::boolean:
      return DecodeError::bad_boolean;
    default:
      return DecodeError::bad_null;
  }
}

// Whether `text` begins one of these words, or is one.
[[nodiscard]] bool begins_word(std::string_view text) {
  for (std::string_view word : {"inf", "-inf", "nan"}) {
    if (word.starts_with(text)) return true;
  }
  return false;
}

[[nodiscard]] bool is_word(std::string_view text) {
  return text == "inf" || text == "-inf" || text == "nan";
}

// The power of ten of the first digit that is not 0, for a number too large or too small for its
// type.
[[nodiscard]] std::int64_t power_of(std::string_view text) {
  constexpr std::int64_t most = 1'000'000'000;  // More than the digits of any line.
  const std::size_t e = std::min(text.find_first_of("eE"), text.size());
  const std::string_view mantissa = text.substr(0, e);
  const auto first = static_cast<std::int64_t>(mantissa.find_first_of("123456789"));
  const auto point = static_cast<std::int64_t>(std::min(mantissa.find('.'), mantissa.size()));
  std::int64_t exponent = 0;
  for (char c : text.substr(e)) {
    if (state::is_digit(c)) exponent = std::min(most, 10 * exponent + (c - '0'));
  }
  if (text.substr(e).starts_with("e-") || text.substr(e).starts_with("E-")) exponent = -exponent;
  return point - first + exponent;
}

// Of a well-formed number. False if it is too large.
[[nodiscard]] bool read_real(std::string_view text, double& value) {
  if (text.starts_with('+')) text.remove_prefix(1);
#ifdef __cpp_lib_to_chars
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool fits = error == std::errc();
#else
  std::istringstream stream{std::string(text)};
  stream.imbue(std::locale::classic());
  // A number below the normal ones may fail, and be read all the same.
  const bool fits = stream >> value || (value != 0 && power_of(text) <= 0);
#endif
  if (fits) return true;
  value = text.starts_with('-') ? -0.0 : 0.0;
  return power_of(text) <= 0;
}

// One of the words that are numbers.
[[nodiscard]] double value_of_word(std::string_view word) {
  using Number = std::numeric_limits<double>;
  if (word == "nan") return Number::quiet_NaN();
  return word == "inf" ? Number::infinity() : -Number::infinity();
}

// One node: where it begins in the bytes, and what it may be.
class Reader {
 public:
  using Result = Parsed<Node>;

  Reader(const Limits& limits, Nodes::Open& open, Nodes::Progress& progress, Bytes bytes)
      : limits_(limits), open_(open), progress_(progress), text_(as_text(bytes)) {}

  [[nodiscard]] Result read() {
    node_.type = static_cast<Type>(text_.front());
    node_.depth = open_.levels.size();
    const bool is_accepted =
        is_known(node_.type) && (limits_.version == Version::resp3 || !is_version_3(node_.type));
    if (!is_accepted) return Result::fail(DecodeError::bad_type, 0);
    switch (node_.type) {
      case Type::simple:
      case Type::error:
        return read_line();
      case Type::bulk:
      case Type::bulk_error:
      case Type::verbatim:
        return read_bulk();
      case Type::integer:
      case Type::real:
      case Type::big_number:
      case Type::boolean:
      case Type::null:
        return read_short();
      default:
        return read_aggregate();
    }
  }

 private:
  // Bytes that the value may still have.
  [[nodiscard]] std::uint64_t left() const { return limits_.max_value_bytes - open_.value_bytes; }

  [[nodiscard]] std::size_t longest_line() const {
    const std::uint64_t whole = left() > line_end_bytes ? left() - line_end_bytes - 1 : 0;
    return static_cast<std::size_t>(std::min<std::uint64_t>(limits_.max_line_bytes, whole));
  }

  [[nodiscard]] Result read_line() {
    const std::size_t searched = std::min(text_.size(), longest_line() + line_end_bytes);
    const std::size_t begin = std::max<std::size_t>(1, progress_.scanned);
    const std::size_t end = std::min(text_.substr(0, searched).find('\r', begin), searched);
    if (const std::size_t lf = text_.substr(0, end).find('\n', begin); lf != text_.npos) {
      return Result::fail(DecodeError::bad_line_end, lf);
    }
    progress_.scanned = end;
    if (end == longest_line() + line_end_bytes)
      return Result::fail(DecodeError::too_large, end - 1);
    return end_line(end);
  }

  // The text of the node ends at `end`, or with all that has arrived.
  [[nodiscard]] Result end_line(std::size_t end) {
    if (end + 1 >= text_.size()) return Result::need(text_.size() + 1);
    if (text_[end + 1] != '\n') return Result::fail(DecodeError::bad_line_end, end + 1);
    const bool has_text =
        node_.type == Type::simple || node_.type == Type::error || node_.type == Type::big_number;
    if (has_text) node_.text = text_.substr(1, end - 1);
    return scalar(end + line_end_bytes);
  }

  [[nodiscard]] Result read_short() {
    auto current = static_cast<state::State>(progress_.state);
    std::size_t at = std::max<std::size_t>(1, progress_.scanned);
    for (; at < text_.size() && text_[at] != '\r'; ++at) {
      if (at > longest_line()) return Result::fail(DecodeError::too_large, at);
      current = after(current, at);
      if (current == state::wrong) {
        const bool ends = text_[at] == '\n';
        return Result::fail(ends ? DecodeError::bad_line_end : error_of(node_.type), at);
      }
    }
    progress_.scanned = at;
    progress_.state = current;
    if (at == text_.size()) return Result::need(at + 1);
    if (!finish(current, text_.substr(1, at - 1))) return Result::fail(error_of(node_.type), at);
    return end_line(at);
  }

  [[nodiscard]] state::State after(state::State before, std::size_t at) {
    const char c = text_[at];
    switch (node_.type) {
      case Type::integer:
        return count(state::after_of_integer(before, c), c);
      case Type::big_number:
        return state::after_of_integer(before, c);
      case Type::real:
        if (before == state::word || (before <= state::minus && (c == 'i' || c == 'n'))) {
          return begins_word(text_.substr(1, at)) ? state::word : state::wrong;
        }
        return state::after_of_real(before, c);
      case Type::boolean:
        return before == state::start && (c == 't' || c == 'f') ? state::word : state::wrong;
      default:
        return state::wrong;
    }
  }

  [[nodiscard]] state::State count(state::State after, char c) {
    if (after != state::digits) return after;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    const std::uint64_t largest = largest_magnitude - (text_[1] == '-' ? 0 : 1);
    if (progress_.magnitude > (largest - digit) / 10) return state::wrong;
    progress_.magnitude = 10 * progress_.magnitude + digit;
    return after;
  }

  // Reads the value of the whole text.
  [[nodiscard]] bool finish(state::State last, std::string_view text) {
    switch (node_.type) {
      case Type::integer:
        node_.integer = static_cast<std::int64_t>(text.starts_with('-') ? 0 - progress_.magnitude
                                                                        : progress_.magnitude);
        return last == state::digits;
      case Type::big_number:
        return last == state::digits;
      case Type::boolean:
        node_.boolean = text == "t";
        return last == state::word;
      case Type::real:
        if (is_word(text)) {
          node_.real = value_of_word(text);
          return true;
        }
        return state::is_number(last) && read_real(text, node_.real);
      default:
        return true;
    }
  }

  [[nodiscard]] Result read_bulk() {
    const Parsed<Length> length =
        parse_length(text_, limits_.max_bulk_bytes, node_.type == Type::bulk);
    if (length.verdict != Verdict::frame) return length.without_frame<Node>();
    if (length.value.is_null) return null(length.size);
    const std::size_t size = length.value.value;
    if (length.size + size + line_end_bytes > left()) {
      return Result::fail(DecodeError::too_large, length.size - 1);
    }
    std::size_t prefix = 0;
    if (node_.type == Type::verbatim) {
      prefix = format_bytes + 1;
      if (size < prefix) return Result::fail(DecodeError::bad_verbatim, length.size - 1);
      if (text_.size() < length.size + prefix) return Result::need(length.size + prefix);
      const std::size_t colon = length.size + format_bytes;
      if (text_[colon] != ':') return Result::fail(DecodeError::bad_verbatim, colon);
      node_.format = text_.substr(length.size, format_bytes);
    }
    const Parsed<std::string_view> string = parse_string(text_, length.size, size);
    if (string.verdict != Verdict::frame) return string.without_frame<Node>();
    node_.text = string.value.substr(prefix);
    return scalar(string.size);
  }

  [[nodiscard]] Result read_aggregate() {
    const Parsed<Length> length =
        parse_length(text_, limits_.max_elements, node_.type == Type::array);
    if (length.verdict != Verdict::frame) return length.without_frame<Node>();
    if (length.value.is_null) return null(length.size);
    if (node_.depth > limits_.max_depth)
      return Result::fail(DecodeError::too_deep, length.size - 1);
    const bool is_attribute = node_.type == Type::attribute;
    const bool has_pairs = node_.type == Type::map || is_attribute;
    node_.elements = length.value.value * (has_pairs ? 2 : 1);
    if (length.size + smallest_value * std::uint64_t{node_.elements} > left()) {
      return Result::fail(DecodeError::too_large, length.size - 1);
    }
    if (node_.elements == 0 && !is_attribute) return scalar(length.size);
    open_.value_bytes += length.size;
    if (node_.elements > 0) open_.levels.push_back({node_.elements, is_attribute});
    return Result::frame(node_, length.size);
  }

  [[nodiscard]] Result null(std::size_t size) {
    node_.type = Type::null;
    return scalar(size);
  }

  // A node that ends a value, and perhaps the aggregates that it is in.
  [[nodiscard]] Result scalar(std::size_t size) {
    if (size > left()) return Result::fail(DecodeError::too_large, size - 1);
    open_.value_bytes += size;
    node_.is_last = ends_message();
    if (node_.is_last) open_.value_bytes = 0;
    return Result::frame(node_, size);
  }

  [[nodiscard]] bool ends_message() {
    while (!open_.levels.empty()) {
      if (--open_.levels.back().missing > 0) return false;
      const bool is_attribute = open_.levels.back().is_attribute;
      open_.levels.pop_back();
      if (is_attribute) return false;  // The value that it is about follows.
    }
    return true;
  }

  const Limits& limits_;
  Nodes::Open& open_;
  Nodes::Progress& progress_;
  const std::string_view text_;
  Node node_;
};

}  // namespace

bool is_aggregate(Type type) {
  return type == Type::array || type == Type::map || type == Type::set || type == Type::push ||
         type == Type::attribute;
}

Parsed<Node> Nodes::parse(Bytes bytes, Progress& progress) {
  return Reader(limits, open, progress, bytes).read();
}

}  // namespace protocols::resp
