// The page that lists the content of a folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <deque>
#include <optional>
#include <stop_token>
#include <string>

#include "reactor/file.hpp"
#include "reactor/result.hpp"
#include "samples/support/folder_reader.hpp"
#include "web/folder.hpp"

namespace responder {

/// The page of a folder, read and written in pieces: what a web::Folder serves of it, with sizes
/// and times; a link is shown as its target. Folders come first and all is sorted, unless there are
/// more names than are kept for sorting (some 2,000): then all are listed in the folder's order.
///
///     read … until has_rows(), write_head, { write_rows while has_rows(), read } …, write_end
///
/// Thread    Any, one at a time.
/// Cost      `most_bytes` of memory, however large the folder.
class FolderListing {
 public:
  struct Entry {
    std::string name;
    bool is_folder = false;
    std::uint64_t size = 0;
    std::time_t modified = 0;
  };

  /// The most memory for the entries of a folder.
  static constexpr std::size_t sorted_bytes = 192 * 1024;
  /// The same, and what the C library reads ahead.
  static constexpr std::size_t most_bytes = sorted_bytes + 32 * 1024;
  /// A folder with no more entries than this is best written as a whole.
  static constexpr std::size_t whole_bytes = 32 * 1024;

  /// For `folder`, which the request named `path`. The root must outlive it.
  FolderListing(const web::Folder& root, reactor::File folder, std::string path);
  FolderListing(const FolderListing&) = delete;
  FolderListing& operator=(const FolderListing&) = delete;

  /// Reads some hundred more names.
  ///
  /// Errors    permission_denied: the folder may be entered, but not listed; those of readdir(3)
  /// Cost      A system call for each name.
  [[nodiscard]] reactor::Result<void> read(const std::stop_token& stop);

  [[nodiscard]] bool fits_whole() const;

  /// True if kept entries can be written: all of the folder is read, or it is too large to sort.
  [[nodiscard]] bool has_rows() const { return written_ < kept_.size() && (ended_ || !sorted_); }

  /// All of the folder is read.
  [[nodiscard]] bool ended() const { return ended_; }

  /// These append to `page`. write_rows() stops when it has added more than `piece_bytes`; it is
  /// called at least once.
  void write_head(std::string& page) const;
  void write_rows(std::string& page, std::size_t piece_bytes);
  void write_end(std::string& page) const;

 private:
  static constexpr std::size_t names_at_once = 256;

  void take(Entry entry);

  const web::Folder& root_;
  reactor::File folder_;  // Until it is opened for reading.
  const std::string path_;
  std::optional<samples::FolderReader> reader_;
  std::deque<Entry> kept_;  // A deque uses no memory beyond its entries.
  std::size_t kept_bytes_ = 0;
  std::size_t written_ = 0;  // Of the kept entries.
  bool ended_ = false;
  bool sorted_ = true;
  bool in_table_ = false;
  std::uint64_t folders_ = 0;
  std::uint64_t files_ = 0;
  std::uint64_t bytes_ = 0;
};

/// `1.5 MiB`, `12 B`.
[[nodiscard]] std::string readable_size(std::uint64_t bytes);

}  // namespace responder
