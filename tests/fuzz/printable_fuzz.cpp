#include <algorithm>

#include "fuzz/fuzz.hpp"
#include "samples/support/printable.hpp"
#include "samples/support/unicode.hpp"

namespace printable_fuzz {

namespace {

std::string encode(char32_t code) {
  const auto tail = [code](int shift) { return static_cast<char>(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xC0 | code >> 6), tail(0)};
  if (code < 0x10000) return {static_cast<char>(0xE0 | code >> 12), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | code >> 18), tail(12), tail(6), tail(0)};
}

// What a terminal may be given: by bytes alone, beside what the samples know of Unicode.
bool is_harmless(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x20 || byte == 0x7F) return false;
    const bool begins_c1 = byte == 0xC2 && at + 1 < text.size();
    if (begins_c1 && static_cast<unsigned char>(text[at + 1]) < 0xA0) return false;
  }
  for (const std::string_view mark : {"\u2028", "\u2029", "\u202e", "\u202d", "\u2066", "\u2067"}) {
    if (text.find(mark) != text.npos) return false;
  }
  return true;
}

// Whether all of it is UTF-8, whose characters are what their bytes say.
bool check_characters(std::string_view text) {
  bool well_formed = true;
  while (!text.empty()) {
    const auto [code, size] = samples::decode(text);
    fuzz::require(size >= 1 && size <= std::min<std::size_t>(text.size(), 4), "a size is wrong");
    if (code == samples::ill_formed) {
      well_formed = false;
    } else {
      fuzz::require(encode(code) == text.substr(0, size), "another character than was sent");
      for (std::size_t part = 1; part < size; ++part) {
        fuzz::require(samples::is_incomplete(text.substr(0, part)), "a part is taken for a whole");
      }
    }
    text.remove_prefix(size);
  }
  return well_formed;
}

void check_clusters(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = samples::cluster_size(text);
    fuzz::require(size >= samples::decode(text).size && size <= text.size(), "a cluster is wrong");
    text.remove_prefix(size);
  }
}

}  // namespace

void fuzz_one(fuzz::Input input) {
  const std::string_view text = input.rest();
  const bool well_formed = check_characters(text);
  check_clusters(text);

  const std::string shown = samples::printable(text);
  fuzz::require(is_harmless(shown) && check_characters(shown), "printable() gives what is not");
  fuzz::require(shown.size() <= 3 * text.size(), "printable() makes it too long");
  fuzz::require(samples::printable(shown) == shown, "printable() changes what is printable");

  const std::string escaped = samples::escaped(text);
  fuzz::require(is_harmless(escaped) && check_characters(escaped), "escaped() gives what is not");
  fuzz::require(escaped.size() <= 4 * text.size(), "escaped() makes it too long");
  fuzz::require(samples::escaped(escaped) == escaped, "escaped() changes what is printable");
  if (well_formed && shown == text) fuzz::require(escaped == text, "escaped for nothing");
}

const fuzz::Target target("printable", fuzz_one);

}  // namespace printable_fuzz
