#include "fuzz/fuzz.hpp"
#include "protocols/json_header.hpp"
#include "support/json_header.hpp"

namespace json_header_fuzz {

void fuzz_one(fuzz::Input input) {
  const std::size_t max_header_bytes = input.number(30);
  const std::size_t max_payload_bytes = input.number(1) ? input.number(600) : SIZE_MAX / 2;
  fuzz::check_any_split(protocols::JsonHeaderDecoder({.read_payload_size = read_number,
                                                      .max_header_bytes = max_header_bytes,
                                                      .max_payload_bytes = max_payload_bytes}),
                        input.rest());
  fuzz::check_any_split(
      protocols::JsonHeaderStreamDecoder({.read_payload_size = read_number,
                                          .max_header_bytes = max_header_bytes,
                                          .max_payload_bytes = max_payload_bytes}),
      input.rest(), true);
}

const fuzz::Target target("json_header", fuzz_one);

}  // namespace json_header_fuzz
