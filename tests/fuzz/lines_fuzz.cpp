#include "fuzz/fuzz.hpp"
#include "protocols/lines.hpp"

namespace lines_fuzz {

void fuzz_one(fuzz::Input input) {
  const std::size_t flags = input.number(3);
  const std::size_t max_line_bytes = input.number(40);
  fuzz::check_any_split(protocols::LineDecoder({.max_line_bytes = max_line_bytes,
                                                .strip = (flags & 1) != 0,
                                                .accept_crlf = (flags & 2) != 0}),
                        input.rest());
}

const fuzz::Target target("lines", fuzz_one);

}  // namespace lines_fuzz
