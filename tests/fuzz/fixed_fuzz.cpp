#include "fuzz/fuzz.hpp"
#include "protocols/fixed.hpp"

namespace fixed_fuzz {

void fuzz_one(fuzz::Input input) {
  const std::size_t frame_bytes = 1 + input.number(300);
  fuzz::check_any_split(protocols::FixedDecoder({.frame_bytes = frame_bytes}), input.rest());
}

const fuzz::Target target("fixed", fuzz_one);

}  // namespace fixed_fuzz
