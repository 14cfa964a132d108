// What file_client prints of a server's listing.
#include "fuzz/captured.hpp"
#include "samples/file_transfer/client/listing.hpp"
#include "samples/support/failed.hpp"

void fuzz_one(fuzz::Input input) {
  const std::string lines(input.rest());
  fuzz::Captured output(stdout);
  try {
    file_transfer::show_listing(lines);
  } catch (const samples::Failed&) {
    fuzz::require(output.text().empty(), "printed before all was read");
  }
  fuzz::require(output.text().size() <= 4 * lines.size() + 16, "more than the server said");
  output.check();
}
