#include "fuzz/fuzz.hpp"
#include "protocols/length_prefixed.hpp"

namespace length_prefixed_fuzz {

void fuzz_one(fuzz::Input input) {
  using enum protocols::LengthField;
  constexpr protocols::LengthField fields[] = {varint, u8, u16, u24, u32, u64};
  protocols::LengthPrefixed format;
  format.length_field = fields[input.number(std::size(fields) - 1)];
  format.byte_order = input.number(1) ? std::endian::little : std::endian::big;
  format.length_field_offset = input.number(8);
  // Small adjustments of either sign, and some of the largest.
  const std::size_t adjustment = input.number(255);
  format.length_adjustment = adjustment == 255   ? INT64_MIN
                             : adjustment == 254 ? INT64_MAX
                                                 : static_cast<std::int64_t>(adjustment % 32) - 16;
  if (input.number(1)) format.initial_bytes_to_strip = input.number(20);
  format.max_frame_bytes = input.number(1) ? input.number(600) : SIZE_MAX;
  fuzz::check_any_split(protocols::LengthPrefixedDecoder(format), input.rest());

  const std::string_view payload = input.rest();
  std::vector<std::byte> wire;
  const std::string prefix(format.length_field_offset, 'p');
  format.initial_bytes_to_strip.reset();
  if (append_length_prefixed(wire, protocols::as_bytes(payload), format,
                             protocols::as_bytes(prefix))) {
    fuzz::require(
        transcript(protocols::LengthPrefixedDecoder(format), {protocols::as_text(wire)}).line ==
            describe(payload),
        "what was encoded does not come back");
  }
}

const fuzz::Target target("length_prefixed", fuzz_one);

}  // namespace length_prefixed_fuzz
