// What file_client prints of a server's listing.
#include "fuzz/captured.hpp"
#include "samples/file_transfer/client/listing.hpp"
#include "samples/support/failed.hpp"

namespace file_listing_fuzz {

void fuzz_one(fuzz::Input input) {
  // The first of two pages; where its length is 0 there is only the second.
  const std::string first(input.bytes(input.number(255)));
  const std::string lines(input.rest());
  fuzz::Captured output(stdout);
  try {
    file_transfer::Listing listing;
    if (!first.empty()) {
      listing.add(std::string_view(first).substr(0, first.size() / 2));
      listing.add(std::string_view(first).substr(first.size() / 2));
      listing.end_page(true);
    }
    listing.add(lines);
    listing.end_page(false);
  } catch (const samples::Failed&) {
    fuzz::require(output.text().empty(), "printed before all was read");
  }
  fuzz::require(output.text().size() <= 4 * (first.size() + lines.size()) + 16,
                "more than the server said");
  output.check();
}

const fuzz::Target target("file_listing", fuzz_one);

}  // namespace file_listing_fuzz
