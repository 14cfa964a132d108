// The sets of bytes that are allowed in the elements of HTTP/1.1, for reading and for checking.
#pragma once

#include <array>
#include <string_view>

namespace protocols::inline v0::http {

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

// RFC 9110 5.6.4: what a quoted string may contain unescaped.
inline constexpr ByteSet quoted_bytes = text_bytes - ByteSet("\"\\");

// RFC 9112 3.2. It also allows the punctuation that clients forget to encode, unlike RFC 3986. A
// fragment is never part of a request.
inline constexpr ByteSet target_bytes = ByteSet::range(0x21, 0x7E) - ByteSet("#");

// RFC 3986 3.2.2: a registered name without percent-encoding, which also covers IPv4; and what
// brackets may contain.
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

// The same for text that a line end follows. In the text only blanks are as small as a space.
constexpr std::string_view trim_line(std::string_view text) {
  const auto is_small = [](char c) { return static_cast<unsigned char>(c) <= ' '; };
  const char* const begin = text.data() + (*text.data() == ' ');
  const char* const end = text.data() + text.size();
  if (is_small(*begin) || is_small(end[-1])) [[unlikely]]
    return trim_blanks(text);
  return {begin, static_cast<std::size_t>(end - begin)};
}

// Checks every byte: that takes less time than to search for the first that is not a member.
constexpr bool all_of(std::string_view text, const ByteSet& set) {
  bool all = true;
  for (char c : text) all &= set.contains(c);
  return all;
}

}  // namespace protocols::http
