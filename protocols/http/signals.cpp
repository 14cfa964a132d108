#include "protocols/http/signals.hpp"

#include <charconv>
#include <cstring>

#include "protocols/http/syntax.hpp"
#include "protocols/http/target.hpp"

namespace protocols::inline v0::http {
namespace {

using Coding = Signals::Coding;

std::uint64_t load(const char* at, std::size_t size) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, at, size);
  return bytes;
}

// Setting the bit makes no other byte of text equal to a letter, digit or hyphen of the word. Eight
// bytes are compared at a time; the last step overlaps the one before if fewer are left.
inline bool is(std::string_view text, std::string_view lower_case_word) {
  constexpr std::uint64_t bits = 0x2020202020202020;
  const std::size_t size = lower_case_word.size();
  if (text.size() != size) return false;
  const std::size_t step = size < 8 ? 4 : 8;
  std::uint64_t different = 0;
  const auto compare = [&](std::size_t at) {
    const std::uint64_t wanted = load(lower_case_word.data() + at, step) | bits;
    different |= (load(text.data() + at, step) | bits) ^ wanted;
  };
  for (std::size_t at = 0; at + step < size; at += step) compare(at);
  compare(size - step);
  return different == 0;
}

// RFC 9110 8.6, except that equal repetitions are not accepted as one.
DecodeError note_content_length(Signals& signals, std::string_view value) {
  const char* end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, signals.content_length);
  if (signals.has_content_length || error != std::errc{} || stop != end) {
    return DecodeError::bad_content_length;
  }
  signals.has_content_length = true;
  return {};
}

// RFC 9112 7. An element with parameters, and an empty one, are errors.
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
  // Most are a name without a port.
  if (signals.has_host || (!all_of(value, host_bytes) && !parse_authority(value))) {
    return DecodeError::bad_host;
  }
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
  switch (name.size()) {  // No two have the same length.
    case 4:
      return is(name, "host") ? note_host(signals, value) : DecodeError{};
    case 6:
      return is(name, "expect") ? note_expect(signals, value) : DecodeError{};
    case 7:
      return is(name, "upgrade") ? note_upgrade(signals, value, number) : DecodeError{};
    case 10:
      return is(name, "connection") ? note_connection(signals, value) : DecodeError{};
    case 14:
      return is(name, "content-length") ? note_content_length(signals, value) : DecodeError{};
    case 17:
      return is(name, "transfer-encoding") ? note_transfer_encoding(signals, value) : DecodeError{};
    default:
      return {};
  }
}

std::string_view take_list_element(std::string_view& list) {
  const std::size_t comma = list.find(',');
  const std::string_view element = trim_blanks(list.substr(0, comma));
  list = comma == list.npos ? std::string_view() : list.substr(comma + 1);
  return element;
}

}  // namespace protocols::http
