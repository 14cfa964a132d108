#include "fuzz/fuzz.hpp"
#include "protocols/base64.hpp"

namespace base64_fuzz {

void fuzz_one(fuzz::Input input) {
  const std::string_view bytes = input.rest();
  const std::string text = protocols::to_base64(bytes);
  fuzz::require(text.size() == (bytes.size() + 2) / 3 * 4, "the text has another size");
  fuzz::require(protocols::from_base64(text) == bytes, "other bytes than were encoded");

  const auto read = protocols::from_base64(bytes);
  if (!read) return;
  fuzz::require(protocols::to_base64(*read) == bytes, "two texts mean the same bytes");
}

const fuzz::Target target("base64", fuzz_one);

}  // namespace base64_fuzz
