// What the server tells of a home, shown to people.
#pragma once

#include <cstdint>
#include <string>

namespace file_transfer {

/// `lines` are those of an answer to `ls`. Throws Json's exceptions where they make no sense.
void show_listing(const std::string& lines);

void show_quota(std::uint64_t used_bytes, std::uint64_t quota_bytes);

}  // namespace file_transfer
