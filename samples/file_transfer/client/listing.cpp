#include "samples/file_transfer/client/listing.hpp"

#include <cstdio>
#include <sstream>
#include <string>
#include <utility>

#include "samples/file_transfer/client/progress.hpp"
#include "samples/file_transfer/wire.hpp"
#include "samples/support/failed.hpp"
#include "samples/support/printable.hpp"

namespace file_transfer {
namespace {

[[noreturn]] void refuse() {
  throw samples::Failed("the server sends a reply that makes no sense");
}

}  // namespace

void Listing::add(std::string_view piece) {
  page_ += piece;
  if (page_.size() > max_page_bytes) refuse();
}

void Listing::end_page(bool more) {
  if (more && page_.empty()) refuse();  // Otherwise a listing could go on for ever.
  bytes_ += page_.size();
  std::istringstream rest(std::exchange(page_, {}));
  for (std::string line; std::getline(rest, line);) {
    if (line.size() > longest_entry_bytes) refuse();
    const auto header = parse_header(line);
    if (!header) refuse();
    const auto name = decode_name(text_of(*header, "name"));
    const std::string kind = text_of(*header, "kind");
    const Entry entry{.size = kind == "file" ? number_of(*header, "size") : std::nullopt,
                      .is_folder = kind == "folder"};
    if (!name || name->empty() || (!entry.size && !entry.is_folder && kind != "other")) refuse();
    entries_.insert({*name, entry});
  }
  if (!more || bytes_ > sorted_bytes) print();
}

void Listing::print() {
  for (const auto& [name, entry] : entries_) {
    std::printf("%12s %s%s\n", entry.size ? std::to_string(*entry.size).c_str() : "-",
                samples::escaped(name).c_str(), entry.is_folder ? "/" : "");
  }
  std::fflush(stdout);
  entries_.clear();
}

void show_quota(std::uint64_t used_bytes, std::uint64_t quota_bytes) {
  std::printf("%s of %s used\n", readable_size(static_cast<double>(used_bytes)).c_str(),
              readable_size(static_cast<double>(quota_bytes)).c_str());
}

}  // namespace file_transfer
