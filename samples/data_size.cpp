#include "samples/data_size.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>
#include <string>

namespace samples {
namespace {

using nlohmann::json;
using protocols::DecodeError;
using protocols::PayloadSize;

constexpr int deepest = 100;

// Visits the values of a header without building a document, and stores the size. A callback that
// returns false ends the visit.
class Walk final : public nlohmann::json_sax<json> {
 public:
  std::optional<PayloadSize> size;

  bool null() override { return value(DecodeError::bad_size); }
  bool boolean(bool) override { return value(DecodeError::bad_size); }
  bool number_integer(number_integer_t) override { return value(DecodeError::bad_size); }
  bool number_unsigned(number_unsigned_t number) override { return value(number); }
  bool number_float(number_float_t, const string_t& text) override {
    // The parser reports an integer of more than 64 bits here.
    const bool digits_only = text.find_first_not_of("0123456789") == text.npos;
    return value(digits_only ? DecodeError::too_large : DecodeError::bad_size);
  }
  bool string(string_t&) override { return value(DecodeError::bad_size); }
  bool binary(binary_t&) override { return false; }

  bool start_object(std::size_t) override { return value(DecodeError::bad_size) && open(); }
  bool start_array(std::size_t) override { return value(DecodeError::bad_size) && open(); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    at_size_ = depth_ == 1 && name == "data_size";
    return !(at_size_ && size);
  }

  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override {
    return false;
  }

 private:
  bool value(PayloadSize found) {
    if (std::exchange(at_size_, false)) size = found;
    return true;
  }
  bool open() { return ++depth_ <= deepest; }
  bool close() {
    --depth_;
    return true;
  }

  int depth_ = 0;
  bool at_size_ = false;
};

}  // namespace

PayloadSize data_size(std::string_view header) {
  // The library would skip a byte order mark, accept a bare value as a document, and take a NUL for
  // the end of the text.
  if (header.find('\0') != header.npos) return DecodeError::bad_header;
  const auto first = header.find_first_not_of(" \t\r\n");
  if (first == header.npos || header[first] != '{') return DecodeError::bad_header;
  Walk walk;
  if (!json::sax_parse(header, &walk)) return DecodeError::bad_header;
  return walk.size.value_or(DecodeError::bad_size);
}

}  // namespace samples
