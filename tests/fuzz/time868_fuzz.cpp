#include "fuzz/fuzz.hpp"
#include "protocols/time868.hpp"

void fuzz_one(fuzz::Input input) {
  using namespace protocols;
  const auto time = decode_time868(as_bytes(input.rest()));
  fuzz::require(time.has_value() == (input.rest().size() == 4), "read or not");
  if (!time) return;
  const Time868 again = encode_time868(*time);
  fuzz::require(as_text(again) == input.rest(), "encoded otherwise");
}
