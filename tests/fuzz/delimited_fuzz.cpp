#include "fuzz/fuzz.hpp"
#include "protocols/delimited.hpp"

namespace delimited_fuzz {

void fuzz_one(fuzz::Input input) {
  protocols::Delimited format;
  format.max_frame_bytes = input.number(40);
  format.strip = input.number(1) != 0;
  for (std::size_t count = 1 + input.number(3); count > 0; --count) {
    format.delimiters.emplace_back(input.bytes(1 + input.number(5)));
    if (format.delimiters.back().empty()) format.delimiters.back() = "-";
  }
  fuzz::check_any_split(protocols::DelimitedDecoder(format), input.rest());
}

const fuzz::Target target("delimited", fuzz_one);

}  // namespace delimited_fuzz
