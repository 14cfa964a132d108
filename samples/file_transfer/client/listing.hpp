// Prints the server's listings and quotas.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace file_transfer {

/// Prints the pages of a response to `ls`. The first `sorted_bytes` are sorted as a whole, the rest
/// page by page.
///
/// Errors    Throws samples::Failed if a line is no entry. Only checked lines are printed.
class Listing {
 public:
  void add(std::string_view piece);

  /// The page is complete.
  void end_page(bool more);

 private:
  struct Entry {
    std::optional<std::uint64_t> size;
    bool is_folder = false;
  };
  static constexpr std::size_t sorted_bytes = 1 << 20;

  void print();

  std::string page_;
  std::map<std::string, Entry> entries_;
  std::size_t bytes_ = 0;  // Of the lines that they were.
};

void show_quota(std::uint64_t used_bytes, std::uint64_t quota_bytes);

}  // namespace file_transfer
