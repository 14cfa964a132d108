#include "protocols/http/signals.hpp"

#include <charconv>

#include "protocols/http/syntax.hpp"
#include "protocols/http/target.hpp"

namespace protocols::http {
namespace {

using Coding = Signals::Coding;

// Setting the bit makes no other byte of a text one of a word of letters, digits and hyphens.
bool is(std::string_view text, std::string_view lower_case_word) {
  if (text.size() != lower_case_word.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((text[i] | 0x20) != lower_case_word[i]) return false;
  }
  return true;
}

// RFC 9110 8.6, without the leave to take equal repetitions for one.
DecodeError note_content_length(Signals& signals, std::string_view value) {
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, signals.content_length);
  if (signals.has_content_length || error != std::errc{} || stop != end) {
    return DecodeError::bad_content_length;
  }
  signals.has_content_length = true;
  return {};
}

// RFC 9112 7. Parameters make a coding an unknown one, and an empty element a doubtful one.
DecodeError note_transfer_encoding(Signals& signals, std::string_view value) {
  do {
    const std::string_view coding = take_list_element(value);
    if (coding.empty() || !all_of(coding, token_bytes)) return DecodeError::bad_transfer_encoding;
    if (!is(coding, "chunked")) {
      signals.coding = Coding::others;
    } else if (signals.coding == Coding::none) {
      signals.coding = Coding::chunked;
    } else if (signals.coding == Coding::others) {
      signals.coding = Coding::others_and_chunked;
    } else {
      return DecodeError::bad_transfer_encoding;
    }
  } while (value.data() != nullptr);
  return {};
}

DecodeError note_connection(Signals& signals, std::string_view value) {
  if (is(value, "keep-alive")) {
    signals.keep_alive = true;
    return {};
  }
  do {
    const std::string_view option = take_list_element(value);
    if (is(option, "close")) signals.close = true;
    if (is(option, "keep-alive")) signals.keep_alive = true;
    if (is(option, "upgrade")) signals.upgrades = true;
  } while (value.data() != nullptr);
  return {};
}

DecodeError note_host(Signals& signals, std::string_view value) {
  if (signals.has_host || (!value.empty() && !parse_authority(value))) return DecodeError::bad_host;
  signals.has_host = true;
  return {};
}

DecodeError note_upgrade(Signals& signals, std::string_view value, std::uint32_t number) {
  if (signals.upgrade == 0 && !value.empty()) signals.upgrade = number;
  return {};
}

DecodeError note_expect(Signals& signals, std::string_view value) {
  if (is(value, "100-continue")) signals.expects_continue = true;
  return {};
}

}  // namespace

DecodeError note_field(Signals& signals, std::string_view name, std::string_view value,
                       std::uint32_t number) {
  if (is(name, "host")) return note_host(signals, value);
  if (is(name, "connection")) return note_connection(signals, value);
  if (is(name, "content-length")) return note_content_length(signals, value);
  if (is(name, "transfer-encoding")) return note_transfer_encoding(signals, value);
  if (is(name, "upgrade")) return note_upgrade(signals, value, number);
  if (is(name, "expect")) return note_expect(signals, value);
  return {};
}

std::string_view take_list_element(std::string_view& list) {
  const std::size_t comma = list.find(',');
  const std::string_view element = trim_blanks(list.substr(0, comma));
  list = comma == list.npos ? std::string_view() : list.substr(comma + 1);
  return element;
}

DecodeError check_framing(const Signals& signals, int minor_version) {
  if (signals.coding == Coding::none) return {};
  const bool doubtful = signals.has_content_length || minor_version == 0;
  return doubtful ? DecodeError::ambiguous_framing : DecodeError{};
}

bool keeps_alive(const Signals& signals, int minor_version) {
  return !signals.close && (minor_version > 0 || signals.keep_alive);
}

}  // namespace protocols::http
