#include "samples/http_responder/files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "samples/support/failed.hpp"

namespace responder {
namespace {

using reactor::File;
using reactor::system_error;
using web::Links;

std::string tag_of(const struct stat& status) {
  char text[64];
  std::snprintf(text, sizeof text, "\"%llx-%lx-%llx\"",
                static_cast<unsigned long long>(status.st_mtim.tv_sec),
                static_cast<unsigned long>(status.st_mtim.tv_nsec),
                static_cast<unsigned long long>(status.st_size));
  return text;
}

bool is_same(int left, int right) {
  struct stat one {};
  struct stat other {};
  return fstat(left, &one) == 0 && fstat(right, &other) == 0 && one.st_dev == other.st_dev &&
         one.st_ino == other.st_ino;
}

}  // namespace

Root::Root(const std::string& path, bool refuse_links, bool hidden)
    : links_(refuse_links ? Links::refused : Links::stay_beneath), hidden_(hidden) {
  folder_ = File::own(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder_) throw samples::Failed(system_error(errno, "open folder", path));
}

bool Root::shows(std::string_view name) const {
  return hidden_ || !name.starts_with('.') || name.starts_with("..");
}

reactor::Result<Found> Root::examine(const std::string& path) const {
  for (std::size_t slash = 0; slash != path.npos; slash = path.find('/', slash + 1)) {
    if (!shows(std::string_view(path).substr(slash + 1))) {
      return reactor::Failure(system_error(ENOENT, "open", path));
    }
  }
  const std::string relative = path == "/" ? "." : path.substr(1);
  Found found{.file =
                  File::own(web::open_beneath(folder_.fd(), relative, O_PATH | O_CLOEXEC, links_))};
  if (!found.file) return reactor::Failure(system_error(errno, "open", path));

  struct stat status {};
  if (fstat(found.file.fd(), &status) != 0) {
    return reactor::Failure(system_error(errno, "examine", path));
  }
  // If the kernel could not check the path, a link is not followed: the link itself is opened.
  if (S_ISLNK(status.st_mode)) return reactor::Failure(system_error(ELOOP, "open", path));
  if (S_ISREG(status.st_mode)) found.kind = Found::Kind::file;
  if (S_ISDIR(status.st_mode)) found.kind = Found::Kind::directory;
  found.size = static_cast<std::uint64_t>(status.st_size);
  found.modified = protocols::http::Date(std::chrono::seconds(status.st_mtim.tv_sec));
  found.etag = tag_of(status);
  return found;
}

reactor::Result<Found> Root::open(const std::string& path) const {
  auto found = examine(path);
  if (!found || found->kind != Found::Kind::file) return found;
  constexpr int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  const std::string itself = "/proc/self/fd/" + std::to_string(found->file.fd());
  File readable = File::own(::open(itself.c_str(), flags));
  if (!readable && errno == ENOENT) {
    // Without /proc the path is looked up again, and may lead to another file now.
    readable = File::own(web::open_beneath(folder_.fd(), path.substr(1), flags, links_));
    if (readable && !is_same(readable.fd(), found->file.fd())) {
      return reactor::Failure(system_error(ENOENT, "open", path));
    }
  }
  if (!readable) return reactor::Failure(system_error(errno, "open", path));
  found->file = std::move(readable);
  return found;
}

std::string_view media_type(std::string_view path) {
  struct Entry {
    std::string_view extension;
    std::string_view type;
  };
  static constexpr Entry entries[] = {
      {"avif", "image/avif"},
      {"bmp", "image/bmp"},
      {"css", "text/css; charset=utf-8"},
      {"csv", "text/csv; charset=utf-8"},
      {"gif", "image/gif"},
      {"gz", "application/gzip"},
      {"htm", "text/html; charset=utf-8"},
      {"html", "text/html; charset=utf-8"},
      {"ico", "image/vnd.microsoft.icon"},
      {"jpeg", "image/jpeg"},
      {"jpg", "image/jpeg"},
      {"js", "text/javascript; charset=utf-8"},
      {"json", "application/json"},
      {"md", "text/markdown; charset=utf-8"},
      {"mjs", "text/javascript; charset=utf-8"},
      {"mp3", "audio/mpeg"},
      {"mp4", "video/mp4"},
      {"ogg", "audio/ogg"},
      {"otf", "font/otf"},
      {"pdf", "application/pdf"},
      {"png", "image/png"},
      {"svg", "image/svg+xml"},
      {"tar", "application/x-tar"},
      {"ttf", "font/ttf"},
      {"txt", "text/plain; charset=utf-8"},
      {"wasm", "application/wasm"},
      {"webm", "video/webm"},
      {"webp", "image/webp"},
      {"woff", "font/woff"},
      {"woff2", "font/woff2"},
      {"xml", "application/xml"},
      {"zip", "application/zip"},
  };
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const std::size_t dot = name.rfind('.');
  if (dot == name.npos) return "application/octet-stream";
  std::string extension(name.substr(dot + 1));
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const Entry& entry : entries) {
    if (entry.extension == extension) return entry.type;
  }
  return "application/octet-stream";
}

}  // namespace responder
