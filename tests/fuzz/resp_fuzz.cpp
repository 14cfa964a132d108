#include "fuzz/fuzz.hpp"
#include "protocols/resp/encoder.hpp"
#include "protocols/resp/node.hpp"
#include "protocols/resp/request.hpp"
#include "protocols/resp/value.hpp"
#include "support/resp.hpp"

namespace resp_fuzz {

using namespace protocols::resp;

Limits limits_of(fuzz::Input& input) {
  Limits limits;
  if (input.number(1) == 0) return limits;
  limits.version = input.number(1) ? Version::resp2 : Version::resp3;
  limits.max_bulk_bytes = input.number(40);
  limits.max_line_bytes = input.number(40);
  limits.max_elements = input.number(10);
  limits.max_depth = input.number(5);
  limits.max_value_bytes = input.number(200);
  return limits;
}

// What was read can be written, and is then read as the same.
void check_round_trip(const Limits& limits, std::string_view wire) {
  ValueDecoder decoder(limits);
  decoder.feed(protocols::as_bytes(wire));
  while (const auto value = decoder.next()) {
    std::vector<std::byte> written;
    fuzz::require(Encoder(written, Version::resp3).value(*value), "a value without an encoding");
    ValueDecoder again({.max_bulk_bytes = SIZE_MAX,
                        .max_line_bytes = SIZE_MAX,
                        .max_elements = SIZE_MAX,
                        .max_value_bytes = UINT64_MAX});
    again.feed(written);
    const auto restored = again.next();
    fuzz::require(restored && describe(*restored) == describe(*value) && again.at_boundary(),
                  "another value: " + describe(*value));
  }
}

void check_requests(fuzz::Input input) {
  Requests requests;
  if (input.number(1)) {
    requests.max_bulk_bytes = input.number(40);
    requests.max_words = input.number(10);
    requests.max_request_bytes = input.number(200);
    requests.max_inline_bytes = input.number(40);
    requests.accept_inline = input.number(1) == 0;
  }
  const RequestDecoder fresh(requests);
  fuzz::check_any_split(fresh, input.rest());

  RequestDecoder decoder = fresh;
  decoder.feed(protocols::as_bytes(input.rest()));
  while (const auto request = decoder.next()) {
    fuzz::require(!request->words.empty(), "a request without words");
    std::vector<std::byte> written;
    append_request(written, request->words);
    RequestDecoder again;
    again.feed(written);
    const auto restored = again.next();
    fuzz::require(restored && describe(*restored) == describe(*request), "another request");
  }
}

void fuzz_one(fuzz::Input input) {
  check_requests(input);
  const Limits limits = limits_of(input);
  fuzz::check_any_split(NodeDecoder(limits), input.rest());
  fuzz::check_any_split(ValueDecoder(limits), input.rest());
  check_round_trip(limits, input.rest());
}

const fuzz::Target target("resp", fuzz_one);

}  // namespace resp_fuzz
