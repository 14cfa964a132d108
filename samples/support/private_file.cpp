#include "samples/support/private_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "samples/support/failed.hpp"

namespace samples {
namespace {

constexpr mode_t for_group = S_IRGRP | S_IWGRP;
constexpr mode_t for_others = S_IROTH | S_IWOTH;
constexpr mode_t to_read = S_IRGRP | S_IROTH;

// Checks the opened file, because its name may now belong to another file. A file that others can
// only read is not refused: a script that does not know of modes makes such files.
void check_mode(const reactor::File& file, const std::string& operation, const std::string& path) {
  struct stat info {};
  if (fstat(file.fd(), &info) != 0) throw Failed(reactor::system_error(errno, operation, path));
  if (!S_ISREG(info.st_mode) || info.st_nlink == 0) return;
  const bool is_own = info.st_uid == geteuid();
  const mode_t forbidden = for_others | (is_own ? for_group : S_IWGRP);
  if ((info.st_mode & forbidden) == 0) return;
  const bool by_others = (info.st_mode & for_others) != 0;
  const char* const cure = is_own ? "chmod 600 " : by_others ? "chmod o= " : "chmod g-w ";
  const bool can_change = (info.st_mode & S_IWOTH) != 0;
  const std::string finding = fmt::format(
      "{} {}: its mode is {:04o}, so that {} can {} it ({}{})", operation, path,
      info.st_mode & 07777, by_others ? "other users" : "its group",
      can_change || (info.st_mode & forbidden & to_read) == 0 ? "change" : "read", cure, path);
  if (can_change) throw Failed(finding);
  fmt::print(stderr, "warning: {}\n", finding);
}

}  // namespace

reactor::File open_private(const std::string& operation, const std::string& path, bool missing_ok) {
  auto file = reactor::File::own(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!file) {
    if (missing_ok && errno == ENOENT) return file;
    throw Failed(reactor::system_error(errno, operation, path));
  }
  check_mode(file, operation, path);
  return file;
}

std::string read_private(const std::string& operation, const std::string& path) {
  return read_to_end(open_private(operation, path), operation, path);
}

std::string read_to_end(const reactor::File& file, const std::string& operation,
                        const std::string& path) {
  std::string content;
  std::array<char, 4096> piece;
  for (;;) {
    const ssize_t size = read(file.fd(), piece.data(), piece.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) throw Failed(reactor::system_error(errno, operation, path));
    if (size == 0) return content;
    content.append(piece.data(), static_cast<std::size_t>(size));
  }
}

}  // namespace samples
