// A file that exists as long as its object.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "reactor/file.hpp"
#include "support/peer.hpp"

class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view content) : path_(unused_path()) {
    std::ofstream(path_, std::ios::binary) << content;
    std::filesystem::permissions(
        path_, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] reactor::File open() const { return std::move(*reactor::File::open(path_)); }

 private:
  std::string path_;
};
