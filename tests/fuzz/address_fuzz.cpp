#include "fuzz/fuzz.hpp"
#include "reactor/address.hpp"

namespace address_fuzz {

// What is read is written as it can be read again.
void fuzz_one(fuzz::Input input) {
  const auto address = reactor::Address::parse(input.rest());
  if (!address) {
    fuzz::require(!address.error().message().empty(), "refused without a reason");
    return;
  }
  fuzz::require(address->size() <= reactor::Address::capacity(), "too long for its memory");
  const std::string text = address->to_string();
  const auto again = reactor::Address::parse(text);
  fuzz::require(again.has_value() && *again == *address, "read otherwise again: " + text);
  fuzz::require(again->to_string() == text, "written otherwise: " + text);
  fuzz::require(address->unmapped().unmapped() == address->unmapped(), "mapped twice: " + text);
}

const fuzz::Target target("address", fuzz_one);

}  // namespace address_fuzz
