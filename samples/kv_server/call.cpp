#include "samples/kv_server/call.hpp"

#include <algorithm>
#include <charconv>

namespace kv {
namespace {

[[nodiscard]] std::string in_lower_case(std::string_view text) {
  std::string lowered(text);
  std::transform(lowered.begin(), lowered.end(), lowered.begin(), lower);
  return lowered;
}

}  // namespace

bool is_word(std::string_view text, std::string_view word) {
  return text.size() == word.size() && std::equal(text.begin(), text.end(), word.begin(),
                                                  [](char a, char b) { return lower(a) == b; });
}

bool read_integer(std::string_view text, std::int64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && !text.starts_with("-0") &&
         (text.size() == 1 || text.front() != '0');
}

void Call::refuse_unknown() {
  std::string text = "ERR unknown command '" + std::string(words_[0].substr(0, most_shown_bytes)) +
                     "', with args beginning with: ";
  std::size_t shown = 0;
  for (std::string_view word : words_.subspan(1)) {
    if (shown >= most_shown_bytes) break;
    const std::string_view part = word.substr(0, most_shown_bytes - shown);
    text += "'" + std::string(part) + "' ";
    shown += part.size();
  }
  out_.error(text);
}

void Call::refuse_arity() {
  out_.error("ERR wrong number of arguments for '" + in_lower_case(words_.front()) + "' command");
}

}  // namespace kv
