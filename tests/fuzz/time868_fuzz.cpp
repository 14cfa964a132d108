#include "fuzz/fuzz.hpp"
#include "protocols/time868.hpp"

namespace time868_fuzz {

void fuzz_one(fuzz::Input input) {
  using namespace protocols;
  const auto time = decode_time868(as_bytes(input.rest()));
  fuzz::require(time.has_value() == (input.rest().size() == 4), "read or not");
  if (!time) return;
  const Time868 again = encode_time868(*time);
  fuzz::require(as_text(again) == input.rest(), "encoded otherwise");
}

const fuzz::Target target("time868", fuzz_one);

}  // namespace time868_fuzz
