#include "web/file_content.hpp"

#include <sys/stat.h>

#include <cctype>
#include <cerrno>
#include <chrono>
#include <utility>

#include "web/file_tag.hpp"

namespace web::inline v0 {

reactor::Result<FileContent> FileContent::open(const std::string& path) {
  auto file = reactor::File::open(path);
  if (!file) return reactor::Failure(file.error());
  struct stat status {};
  if (fstat(file->fd(), &status) != 0) {
    return reactor::Failure(reactor::system_error(errno, "examine", path));
  }
  return FileContent{.file = std::move(*file),
                     .size = static_cast<std::uint64_t>(status.st_size),
                     .modified = protocols::http::Date(std::chrono::seconds(status.st_mtim.tv_sec)),
                     .etag = file_tag(status),
                     .media_type = std::string(web::media_type(path))};
}

int status_of_file_error(const reactor::Error& error) {
  if (error.code == std::errc::permission_denied) return 403;
  if (error.code == std::errc::too_many_files_open ||
      error.code == std::errc::too_many_files_open_in_system) {
    return 503;
  }
  // All other errors mean a path that leads nowhere, or out of a folder.
  return 404;
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

}  // namespace web
