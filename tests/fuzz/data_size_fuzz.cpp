#include <nlohmann/json.hpp>

#include "fuzz/fuzz.hpp"
#include "samples/data_size.hpp"

namespace data_size_fuzz {

// What the walk over a header finds is what a whole parser finds.
void fuzz_one(fuzz::Input input) {
  using nlohmann::json;
  const std::string_view header = input.rest();
  const auto found = samples::data_size(header);
  const json whole = json::parse(header, nullptr, false);
  const auto* const size = std::get_if<std::uint64_t>(&found);
  if (!size) {
    const auto error = std::get<protocols::DecodeError>(found);
    fuzz::require(whole.is_object() || error == protocols::DecodeError::bad_header,
                  "a size of what is no object");
    return;
  }
  fuzz::require(whole.is_object(), "read what is no JSON object");
  fuzz::require(whole.at("data_size").is_number_unsigned() && whole.at("data_size") == *size,
                "another size");
  const json again = {{"data_size", *size}, {"of", whole}};
  fuzz::require(samples::data_size(again.dump()) == found, "the size within is taken");
}

const fuzz::Target target("data_size", fuzz_one);

}  // namespace data_size_fuzz
