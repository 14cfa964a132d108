#include "fuzz/fuzz.hpp"
#include "protocols/cobs.hpp"

namespace cobs_fuzz {

void fuzz_one(fuzz::Input input) {
  const std::size_t max_payload_bytes = input.number(600);
  fuzz::check_any_split(protocols::CobsDecoder({.max_payload_bytes = max_payload_bytes}),
                        input.rest());

  const std::string_view payload = input.rest();
  std::vector<std::byte> wire;
  protocols::append_cobs(wire, protocols::as_bytes(payload));
  fuzz::require(transcript(protocols::CobsDecoder({.max_payload_bytes = payload.size()}),
                           {protocols::as_text(wire)})
                        .line == describe(payload),
                "what was encoded does not come back");
}

const fuzz::Target target("cobs", fuzz_one);

}  // namespace cobs_fuzz
