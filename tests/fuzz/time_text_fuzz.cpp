#include <algorithm>
#include <cstdint>

#include "fuzz/fuzz.hpp"
#include "samples/support/time_text.hpp"

namespace time_text_fuzz {

using namespace protocols;
using namespace samples;

void fuzz_one(fuzz::Input input) {
  // Any second of the years 1 to 9999 or so.
  const auto seconds = static_cast<std::int64_t>(input.number(315'000'000'000)) - 62'000'000'000;
  const std::chrono::sys_seconds now{std::chrono::seconds(seconds)};
  const std::string_view request = input.rest();

  const auto answer = answer_time_text(as_bytes(request), now);
  fuzz::require(answer.has_value() == !request.starts_with("error: "), "answered or not");
  if (!answer) return;
  fuzz::require(
      answer->size() <= std::min(max_time_text_bytes, request.size() + max_time_text_growth),
      "longer than it may be: " + *answer);
  const bool failed = answer->starts_with("error: ");
  fuzz::require(!failed || answer->find('\n') == answer->npos, "an error of several lines");
  if (request.find_first_of("%-0123456789") == request.npos && !request.empty() && !failed) {
    fuzz::require(*answer == request, "plain text was changed");
  }
}

const fuzz::Target target("time_text", fuzz_one);

}  // namespace time_text_fuzz
