#include "fuzz/fuzz.hpp"
#include "protocols/netstring.hpp"

namespace netstring_fuzz {

void fuzz_one(fuzz::Input input) {
  const std::size_t max_payload_bytes = input.number(1) ? input.number(2000) : SIZE_MAX;
  fuzz::check_any_split(protocols::NetstringDecoder({.max_payload_bytes = max_payload_bytes}),
                        input.rest());
}

const fuzz::Target target("netstring", fuzz_one);

}  // namespace netstring_fuzz
