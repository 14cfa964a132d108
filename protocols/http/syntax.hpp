// Which bytes may stand where in HTTP/1.1: the sets that everything here is read and checked by.
#pragma once

#include <array>
#include <string_view>

namespace protocols::http {

/// A set of bytes, as a table.
class ByteSet {
 public:
  constexpr ByteSet() = default;
  constexpr explicit ByteSet(std::string_view members) {
    for (char c : members) has_[index(c)] = true;
  }
  static constexpr ByteSet range(unsigned first, unsigned last) {
    ByteSet set;
    for (unsigned byte = first; byte <= last; ++byte) set.has_[byte] = true;
    return set;
  }

  [[nodiscard]] constexpr bool contains(char c) const { return has_[index(c)]; }

  [[nodiscard]] constexpr ByteSet operator|(const ByteSet& other) const {
    ByteSet set = *this;
    for (unsigned byte = 0; byte < 256; ++byte) set.has_[byte] |= other.has_[byte];
    return set;
  }
  [[nodiscard]] constexpr ByteSet operator-(const ByteSet& other) const {
    ByteSet set = *this;
    for (unsigned byte = 0; byte < 256; ++byte) set.has_[byte] &= !other.has_[byte];
    return set;
  }

 private:
  static constexpr unsigned char index(char c) { return static_cast<unsigned char>(c); }

  std::array<bool, 256> has_{};
};

inline constexpr ByteSet digits = ByteSet::range('0', '9');
inline constexpr ByteSet hex_digits = digits | ByteSet("abcdefABCDEF");
inline constexpr ByteSet letters = ByteSet::range('a', 'z') | ByteSet::range('A', 'Z');

// RFC 9110 5.6.2: methods, names of fields, most words.
inline constexpr ByteSet token_bytes = digits | letters | ByteSet("!#$%&'*+-.^_`|~");

// RFC 9110 5.5: values of fields, and reasons. Bytes above ASCII are opaque.
inline constexpr ByteSet text_bytes =
    ByteSet("\t") | ByteSet::range(0x20, 0x7E) | ByteSet::range(0x80, 0xFF);

// RFC 9110 5.6.4: what stands in a quoted string unescaped.
inline constexpr ByteSet quoted_bytes = text_bytes - ByteSet("\"\\");

// RFC 9112 3.2. Laxer than RFC 3986 by the punctuation that clients forget to encode; a fragment
// never belongs into a request.
inline constexpr ByteSet target_bytes = ByteSet::range(0x21, 0x7E) - ByteSet("#");

// RFC 3986 3.2.2: a registered name, but for what is percent-encoded, which also covers IPv4; and
// what stands in brackets.
inline constexpr ByteSet host_bytes = digits | letters | ByteSet("-._~!$&'()*+,;=");
inline constexpr ByteSet ip_literal_bytes = host_bytes | ByteSet(":");

constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }

constexpr std::string_view trim_blanks(std::string_view text) {
  const char* begin = text.data();
  const char* end = begin + text.size();
  while (begin != end && is_blank(*begin)) ++begin;
  while (begin != end && is_blank(end[-1])) --end;
  return {begin, static_cast<std::size_t>(end - begin)};
}

// The same for what a line end follows: nothing else in it is as small as a blank.
constexpr std::string_view trim_line(std::string_view text) {
  const auto is_small = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
  const char* const begin = text.data() + (*text.data() == ' ');
  const char* const end = text.data() + text.size();
  if (is_small(*begin) || is_small(end[-1])) [[unlikely]]
    return trim_blanks(text);
  return {begin, static_cast<std::size_t>(end - begin)};
}

// Looks at every byte, which takes less time than to look for the first that is no member.
constexpr bool all_of(std::string_view text, const ByteSet& set) {
  bool all = true;
  for (char c : text) all &= set.contains(c);
  return all;
}

}  // namespace protocols::http
