#include "fuzz/fuzz.hpp"
#include "protocols/http/response_decoder.hpp"
#include "support/http_transcript.hpp"

namespace http_response_fuzz {

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
  protocols::http::ResponseDecoder fresh(limits);
  for (std::size_t requests = input.number(3); requests > 0; --requests) {
    constexpr std::string_view methods[] = {"GET", "HEAD", "CONNECT"};
    fresh.protocol().expect(methods[input.number(2)]);
  }
  fuzz::check_any_split(fresh, input.rest());
}

const fuzz::Target target("http_response", fuzz_one);

}  // namespace http_response_fuzz
