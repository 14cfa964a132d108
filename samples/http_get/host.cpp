#include "samples/http_get/host.hpp"

#include <fmt/format.h>
#include <locale.h>
#include <wctype.h>

#include <algorithm>
#include <cstdint>
#include <optional>

#include "protocols/http/syntax.hpp"
#include "protocols/http/target.hpp"

namespace http_get {
namespace {

using Failure = tl::unexpected<std::string>;

struct Range {
  char32_t first;
  char32_t last;
};

template <std::size_t size>
bool is_in(char32_t code, const Range (&ranges)[size]) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [&](const Range& each) { return code >= each.first && code <= each.last; });
}

// They are invisible, and a name means the same without them.
constexpr Range ignored[] = {{0xAD, 0xAD},     {0x34F, 0x34F},   {0x180B, 0x180F}, {0x200B, 0x200D},
                             {0x2060, 0x2064}, {0xFE00, 0xFE0F}, {0xFEFF, 0xFEFF}};

constexpr Range combining[] = {
    {0x300, 0x36F}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x20D0, 0x20FF}, {0xFE20, 0xFE2F}};

// Control characters, blanks, marks of direction, private use, noncharacters.
constexpr Range refused[] = {{0x80, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
                             {0x200E, 0x200F}, {0x2028, 0x202F}, {0x205F, 0x205F},
                             {0x2065, 0x206F}, {0x3000, 0x3000}, {0xD800, 0xF8FF},
                             {0xFDD0, 0xFDEF}, {0xFFF0, 0xFFFF}, {0xE0000, 0x10FFFF}};

char32_t lower(char32_t code) {
  // Unicode's table does not depend on the language, so any UTF-8 locale will do.
  static const locale_t unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (!unicode) return code;
  return static_cast<char32_t>(towlower_l(static_cast<wint_t>(code), unicode));
}

char32_t map(char32_t code) {
  if (code == 0x3002 || code == 0xFF61) return '.';
  if (code >= 0xFF01 && code <= 0xFF5E) code -= 0xFF01 - '!';
  if (code == 0x1E9E) return 0xDF;  // ẞ
  return lower(code);
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (; !text.empty(); text.remove_prefix(1)) {
    const auto digit = [&](std::size_t at) {
      return at < text.size() && protocols::http::hex_digits.contains(text[at]);
    };
    if (text[0] == '%' && digit(1) && digit(2)) {
      decoded += static_cast<char>(std::stoi(std::string(text.substr(1, 2)), nullptr, 16));
      text.remove_prefix(2);
    } else {
      decoded += text[0];
    }
  }
  return decoded;
}

// Empty if the text is not UTF-8 (Unicode, table 3-7).
std::optional<std::u32string> decode_utf8(std::string_view text) {
  std::u32string codes;
  while (!text.empty()) {
    const auto lead = static_cast<unsigned char>(text[0]);
    const std::size_t size = lead < 0x80   ? 1
                             : lead < 0xC2 ? 0
                             : lead < 0xE0 ? 2
                             : lead < 0xF0 ? 3
                                           : 4;
    if (size == 0 || lead > 0xF4 || size > text.size()) return std::nullopt;
    char32_t code = size == 1 ? lead : lead & (0x7FU >> size);
    for (std::size_t at = 1; at < size; ++at) {
      const auto byte = static_cast<unsigned char>(text[at]);
      if ((byte & 0xC0U) != 0x80) return std::nullopt;
      code = code << 6 | (byte & 0x3FU);
    }
    constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < least[size] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
      return std::nullopt;
    }
    codes += code;
    text.remove_prefix(size);
  }
  return codes;
}

// RFC 3492 6.1
std::uint32_t adapt(std::uint32_t delta, std::uint32_t points, bool is_first) {
  delta = is_first ? delta / 700 : delta / 2;
  delta += delta / points;
  std::uint32_t steps = 0;
  for (; delta > 455; steps += 36) delta /= 35;
  return steps + 36 * delta / (delta + 38);
}

// RFC 3492 6.3. Labels are short, so nothing overflows.
std::string punycode(std::u32string_view label) {
  const auto digit = [](std::uint32_t value) {
    return static_cast<char>(value < 26 ? 'a' + value : '0' + value - 26);
  };
  std::string encoded;
  for (char32_t code : label) {
    if (code < 0x80) encoded += static_cast<char>(code);
  }
  const std::size_t plain = encoded.size();
  if (plain > 0) encoded += '-';
  std::uint32_t done = static_cast<std::uint32_t>(plain);
  std::uint32_t bias = 72;
  std::uint32_t delta = 0;
  for (char32_t from = 0x80; done < label.size(); ++from) {
    char32_t next = 0x110000;
    for (char32_t code : label) {
      if (code >= from) next = std::min(next, code);
    }
    delta += static_cast<std::uint32_t>(next - from) * (done + 1);
    from = next;
    for (char32_t code : label) {
      if (code < from) ++delta;
      if (code != from) continue;
      std::uint32_t rest = delta;
      for (std::uint32_t step = 36;; step += 36) {
        const std::uint32_t threshold = step <= bias ? 1 : std::min(step - bias, 26U);
        if (rest < threshold) break;
        encoded += digit(threshold + (rest - threshold) % (36 - threshold));
        rest = (rest - threshold) / (36 - threshold);
      }
      encoded += digit(rest);
      bias = adapt(delta, done + 1, done == plain);
      delta = 0;
      ++done;
    }
    ++delta;
  }
  return encoded;
}

tl::expected<std::u32string, std::string> mapped(const std::u32string& codes) {
  std::u32string kept;
  for (char32_t code : codes) {
    if (is_in(code, ignored)) continue;
    if (is_in(code, combining)) {
      return Failure(
          fmt::format("its host has the combining mark U+{:04X}: write the letter and "
                      "its mark as one character, or the name as xn--…",
                      static_cast<std::uint32_t>(code)));
    }
    if (is_in(code, refused)) {
      return Failure(fmt::format("its host has the character U+{:04X}, which no name may have",
                                 static_cast<std::uint32_t>(code)));
    }
    kept += map(code);
  }
  return kept;
}

tl::expected<std::string, std::string> encode_labels(std::u32string_view name) {
  constexpr std::size_t most_label_bytes = 63;  // RFC 1035 2.3.4
  std::string host;
  for (;;) {
    const std::size_t dot = std::min(name.find(U'.'), name.size());
    const std::u32string_view label = name.substr(0, dot);
    // A longer label is too long in any encoding, and would make punycode() slow.
    if (label.size() > most_label_bytes) return Failure("a part of its host's name is too long");
    const bool is_ascii =
        std::all_of(label.begin(), label.end(), [](char32_t c) { return c < 0x80; });
    const std::string encoded =
        is_ascii ? std::string(label.begin(), label.end()) : "xn--" + punycode(label);
    if (encoded.size() > most_label_bytes) return Failure("a part of its host's name is too long");
    if (encoded.empty() && (dot < name.size() || host.empty())) {
      return Failure("a part of its host's name is empty");
    }
    host += encoded;
    if (dot == name.size()) return host;
    host += '.';
    name.remove_prefix(dot + 1);
  }
}

}  // namespace

tl::expected<std::string, std::string> ascii_host(std::string_view host) {
  std::string ascii;
  if (host.starts_with('[')) {
    ascii = host;
    std::transform(ascii.begin(), ascii.end(), ascii.begin(), [](unsigned char c) {
      return static_cast<char>(c < 0x80 ? std::tolower(c) : c);
    });
  } else {
    const auto codes = decode_utf8(percent_decoded(host));
    if (!codes) return Failure("its host is no UTF-8");
    const auto kept = mapped(*codes);
    if (!kept) return Failure(kept.error());
    if (kept->empty()) return Failure("it names no host");
    auto encoded = encode_labels(*kept);
    if (!encoded) return encoded;
    ascii = std::move(*encoded);
  }
  const auto authority = protocols::http::parse_authority(ascii);
  if (!authority || authority->host.size() < ascii.size() || ascii.find('%') != ascii.npos) {
    return Failure("its host is no name and no address");
  }
  return ascii;
}

}  // namespace http_get
