#include "fuzz/fuzz.hpp"
#include "protocols/http/request_decoder.hpp"
#include "protocols/http/scan.hpp"
#include "support/http_transcript.hpp"

namespace http_request_fuzz {

using protocols::http::Instructions;

void fuzz_one(fuzz::Input input) {
  protocols::http::Limits limits;
  if (input.number(1)) {
    limits.max_start_line_bytes = input.number(100);
    limits.max_field_bytes = input.number(100);
    limits.max_fields = input.number(10);
    limits.max_head_bytes = input.number(300);
    limits.max_chunk_line_bytes = input.number(20);
    limits.max_body_bytes = input.number(1000);
  }
  const protocols::http::RequestDecoder fresh(limits);
  const Transcript seen = fuzz::check_any_split(fresh, input.rest());
  scan_with(Instructions::portable);
  fuzz::require(transcript(fresh, {input.rest()}).line == seen.line, "portably: another outcome");
  if (machine_has(Instructions::avx2)) scan_with(Instructions::avx2);
}

const fuzz::Target target("http_request", fuzz_one);

}  // namespace http_request_fuzz
