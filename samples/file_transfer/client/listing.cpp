#include "samples/file_transfer/client/listing.hpp"

#include <cstdio>
#include <map>
#include <sstream>
#include <string>
#include <utility>

#include "samples/file_transfer/client/progress.hpp"
#include "samples/file_transfer/wire.hpp"
#include "samples/support/printable.hpp"

namespace file_transfer {

void show_listing(const std::string& lines) {
  std::map<std::string, Json> by_name;
  std::istringstream rest(lines);
  for (std::string line; std::getline(rest, line);) {
    Json entry = Json::parse(line);
    std::string name = decode_name(entry.at("name").get<std::string>()).value_or("?");
    by_name.emplace(std::move(name), std::move(entry));
  }
  for (const auto& [name, entry] : by_name) {
    const std::string size = entry.contains("size") ? entry.at("size").dump() : "-";
    std::printf("%12s %s%s\n", size.c_str(), samples::escaped(name).c_str(),
                entry.at("kind") == "folder" ? "/" : "");
  }
}

void show_quota(std::uint64_t used_bytes, std::uint64_t quota_bytes) {
  std::printf("%s of %s used\n", readable_size(static_cast<double>(used_bytes)).c_str(),
              readable_size(static_cast<double>(quota_bytes)).c_str());
}

}  // namespace file_transfer
