#include "samples/file_transfer/client/listing.hpp"

#include <cstdio>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

#include "samples/file_transfer/client/progress.hpp"
#include "samples/file_transfer/wire.hpp"
#include "samples/support/failed.hpp"
#include "samples/support/printable.hpp"

namespace file_transfer {

namespace {

// A name has 255 bytes at most, each of them three characters.
constexpr std::size_t longest_line = 1024;

struct Entry {
  std::optional<std::uint64_t> size;
  bool is_folder = false;
};

// Whatever a server says: nothing is printed that was not looked at.
std::pair<std::string, Entry> read_entry(const std::string& line) {
  const Json told = line.size() <= longest_line ? Json::parse(line, nullptr, false) : Json();
  const auto name = told.is_object() ? decode_name(text_of(told, "name")) : std::nullopt;
  const std::string kind = told.is_object() ? text_of(told, "kind") : "";
  const Entry entry{.size = kind == "file" ? number_of(told, "size") : std::nullopt,
                    .is_folder = kind == "folder"};
  const bool is_known = entry.size || entry.is_folder || kind == "other";
  if (!name || name->empty() || !is_known) {
    throw samples::Failed("the server answers what makes no sense");
  }
  return {*name, entry};
}

}  // namespace

void show_listing(const std::string& lines) {
  std::map<std::string, Entry> by_name;
  std::istringstream rest(lines);
  for (std::string line; std::getline(rest, line);) by_name.insert(read_entry(line));
  for (const auto& [name, entry] : by_name) {
    std::printf("%12s %s%s\n", entry.size ? std::to_string(*entry.size).c_str() : "-",
                samples::escaped(name).c_str(), entry.is_folder ? "/" : "");
  }
}

void show_quota(std::uint64_t used_bytes, std::uint64_t quota_bytes) {
  std::printf("%s of %s used\n", readable_size(static_cast<double>(used_bytes)).c_str(),
              readable_size(static_cast<double>(quota_bytes)).c_str());
}

}  // namespace file_transfer
