// What was written to a stream and waits until its socket takes it. Internal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "reactor/file.hpp"

namespace reactor::inline v0 {

/// Bytes and parts of files, in the order in which they were written.
///
///     queue.push(head);
///     queue.push(std::move(file), 0, size);
///     while (!queue.empty()) {
///       const auto bytes = queue.front_bytes();
///       const std::size_t sent = bytes.empty() ? send_file(queue.front_file()) : send(bytes);
///       queue.pop(sent);
///     }
///
/// Cost      Constant time for each push and pop, however many parts wait, plus the copy of the
///           bytes.
class SendQueue {
 public:
  struct FilePart {
    File file;
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    std::size_t bytes_before = 0;  // Sent before this part, after the previous file part.
  };

  [[nodiscard]] bool empty() const { return bytes() == 0 && !has_files(); }

  /// The bytes that wait in memory.
  [[nodiscard]] std::size_t bytes() const { return memory_.size() - memory_begin_; }

  /// All that waits, with the bytes of the files.
  [[nodiscard]] std::uint64_t total() const { return bytes() + file_bytes_; }

  [[nodiscard]] bool has_files() const { return files_begin_ < files_.size(); }

  void push(std::span<const std::byte> bytes);

  /// `size` bytes of `file` from `offset` on; `size` is not 0.
  void push(File file, std::uint64_t offset, std::uint64_t size);

  /// The bytes to send next. Empty if a part of a file is next, or nothing waits.
  [[nodiscard]] std::span<const std::byte> front_bytes() const {
    return {memory_.data() + memory_begin_,
            has_files() ? files_[files_begin_].bytes_before : bytes()};
  }

  /// The part of a file to send next, if one is next.
  [[nodiscard]] const FilePart& front_file() const { return files_[files_begin_]; }

  /// Removes `sent` bytes of the front, which has at least as many.
  void pop(std::uint64_t sent);

 private:
  std::vector<std::byte> memory_;  // Waiting from `memory_begin_` on.
  std::size_t memory_begin_ = 0;
  std::vector<FilePart> files_;  // Waiting from `files_begin_` on.
  std::size_t files_begin_ = 0;
  std::uint64_t file_bytes_ = 0;  // Of all files together.
  std::size_t bytes_before_ = 0;  // The sum of `bytes_before` of all files.
};

}  // namespace reactor
