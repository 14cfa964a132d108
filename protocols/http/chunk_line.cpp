#include "protocols/http/chunk_line.hpp"

#include <array>

#include "protocols/http/syntax.hpp"

namespace protocols::inline v0::http {
namespace {

// The classes of bytes that the grammar distinguishes.
enum Kind : unsigned char {
  hex,
  token,
  blank,
  semicolon,
  equals,
  quote,
  backslash,
  cr,
  lf,
  text,
  other
};
constexpr std::size_t kinds = other + 1;

constexpr std::array<Kind, 256> kind_of_byte = [] {
  std::array<Kind, 256> kind{};
  kind.fill(other);
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (text_bytes.contains(c)) kind[byte] = text;
    if (token_bytes.contains(c)) kind[byte] = token;
    if (hex_digits.contains(c)) kind[byte] = hex;
  }
  kind[' '] = kind['\t'] = blank;
  kind[';'] = semicolon;
  kind['='] = equals;
  kind['"'] = quote;
  kind['\\'] = backslash;
  kind['\r'] = cr;
  kind['\n'] = lf;
  return kind;
}();

using enum ChunkLineState;
constexpr ChunkLineState no = wrong;

// clang-format off
constexpr ChunkLineState transitions[][kinds] = {
//                 hex      token    blank        ;           =            "           \        CR    LF    text    other
/* begin       */ {size,    no,      no,          no,         no,          no,         no,      no,   no,   no,     no},
/* size        */ {size,    no,      size_blank,  name_blank, no,          no,         no,      line, no,   no,     no},
/* size_blank  */ {no,      no,      size_blank,  name_blank, no,          no,         no,      no,   no,   no,     no},
/* name_blank  */ {name,    name,    name_blank,  no,         no,          no,         no,      no,   no,   no,     no},
/* name        */ {name,    name,    name_end,    name_blank, value_blank, no,         no,      line, no,   no,     no},
/* name_end    */ {no,      no,      name_end,    name_blank, value_blank, no,         no,      no,   no,   no,     no},
/* value_blank */ {value,   value,   value_blank, no,         no,          quoted,     no,      no,   no,   no,     no},
/* value       */ {value,   value,   size_blank,  name_blank, no,          no,         no,      line, no,   no,     no},
/* quoted      */ {quoted,  quoted,  quoted,      quoted,     quoted,      quoted_end, escaped, no,   no,   quoted, no},
/* escaped     */ {quoted,  quoted,  quoted,      quoted,     quoted,      quoted,     quoted,  no,   no,   quoted, no},
/* quoted_end  */ {no,      no,      size_blank,  name_blank, no,          no,         no,      line, no,   no,     no},
/* line        */ {no,      no,      no,          no,         no,          no,         no,      no,   done, no,     no},
};
// clang-format on

}  // namespace

ChunkLineState next_state(ChunkLineState state, char c) {
  return transitions[static_cast<std::size_t>(state)][kind_of_byte[static_cast<unsigned char>(c)]];
}

}  // namespace protocols::http
