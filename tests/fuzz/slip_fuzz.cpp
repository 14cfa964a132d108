#include "fuzz/fuzz.hpp"
#include "protocols/slip.hpp"

namespace slip_fuzz {

void fuzz_one(fuzz::Input input) {
  const std::size_t max_payload_bytes = input.number(300);
  fuzz::check_any_split(protocols::SlipDecoder({.max_payload_bytes = max_payload_bytes}),
                        input.rest());

  const std::string_view payload = input.rest();
  std::vector<std::byte> wire;
  const bool appended = protocols::append_slip(wire, protocols::as_bytes(payload));
  const std::string expected = appended ? describe(payload) : "";
  fuzz::require(transcript(protocols::SlipDecoder({.max_payload_bytes = payload.size()}),
                           {protocols::as_text(wire)})
                        .line == expected,
                "what was encoded does not come back");
}

const fuzz::Target target("slip", fuzz_one);

}  // namespace slip_fuzz
