// An open file, owned; Stream::write_file sends it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "reactor/result.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// Owns the descriptor of a file that is open for reading, closed in children.
///
///     auto file = File::open("index.html");
///     if (!file) return Failure(file.error());
///     stream.write_file(std::move(*file), 0, size);
///
/// Thread    Any, one at a time.
class File {
 public:
  /// Owns nothing; fd() is -1.
  File() = default;

  /// Opens a regular file. Refuses anything else, since reading a FIFO or a terminal can block.
  ///
  /// Errors    no_such_file_or_directory, permission_denied, too_many_files_open; is_a_directory;
  ///           invalid_argument: neither a file nor a directory.
  [[nodiscard]] static Result<File> open(const std::string& path);

  /// Takes over `fd`, a file that was opened by other means.
  [[nodiscard]] static File own(int fd) noexcept { return File(fd); }

  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  File& operator=(File&& other) noexcept;
  ~File();

  [[nodiscard]] int fd() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

  /// The path by which it was opened, if the system knows it; else "a file".
  [[nodiscard]] std::string name() const;

  /// How many bytes it holds now.
  [[nodiscard]] Result<std::uint64_t> size() const;

 private:
  explicit File(int fd) : fd_(fd) {}

  int fd_ = -1;
};

}  // namespace reactor
#pragma GCC visibility pop
