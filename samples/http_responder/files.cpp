#include "samples/http_responder/files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <memory>
#include <vector>

#include "protocols/http/target.hpp"
#include "samples/http_responder/options.hpp"
#include "samples/support/failed.hpp"

namespace responder {
namespace {

using reactor::File;
using reactor::system_error;
using samples::Links;

// Without O_NONBLOCK a FIFO would hold up the loop until somebody writes to it.
constexpr int open_flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

std::string escape_html(std::string_view text) {
  std::string escaped;
  for (char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string tag_of(const struct stat& status) {
  char text[64];
  std::snprintf(text, sizeof text, "\"%llx-%lx-%llx\"",
                static_cast<unsigned long long>(status.st_mtim.tv_sec),
                static_cast<unsigned long>(status.st_mtim.tv_nsec),
                static_cast<unsigned long long>(status.st_size));
  return text;
}

std::vector<std::string> names_in(const File& folder) {
  std::vector<std::string> names;
  const auto close = [](DIR* directory) { closedir(directory); };
  const int fd = openat(folder.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, decltype(close)> directory(fd >= 0 ? fdopendir(fd) : nullptr, close);
  if (!directory) return names;
  while (const dirent* entry = readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    names.push_back(std::string(name) + (entry->d_type == DT_DIR ? "/" : ""));
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

Root::Root(const std::string& path, bool refuse_links)
    : links_(refuse_links ? Links::refused : Links::stay_beneath) {
  folder_ = File::own(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder_) throw samples::Failed(system_error(errno, "open folder", path));
}

reactor::Result<Found> Root::open(const std::string& path) const {
  const std::string relative = path == "/" ? "." : path.substr(1);
  const int fd = samples::open_beneath(folder_.fd(), relative, open_flags, links_);
  if (fd < 0) return reactor::Failure(system_error(errno, "open", path));

  Found found{.file = File::own(fd)};
  struct stat status {};
  if (fstat(fd, &status) != 0) return reactor::Failure(system_error(errno, "examine", path));
  if (S_ISREG(status.st_mode)) found.kind = Found::Kind::file;
  if (S_ISDIR(status.st_mode)) found.kind = Found::Kind::directory;
  found.size = static_cast<std::uint64_t>(status.st_size);
  found.modified = protocols::http::Date(std::chrono::seconds(status.st_mtim.tv_sec));
  found.etag = tag_of(status);
  return found;
}

std::string list_directory(const File& folder, std::string_view path) {
  const std::string title = escape_html(path);
  std::string page = "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>" + title +
                     "</title><link rel=\"icon\" href=\"data:,\"></head>\n<body><h1>" + title +
                     "</h1>\n<ul>\n";
  if (path != "/") page += "<li><a href=\"../\">../</a></li>\n";
  for (const std::string& name : names_in(folder)) {
    if (page.size() > max_page_bytes - 8192) {
      page += "<li>…</li>\n";
      break;
    }
    // "./": a name may look like a scheme.
    page += "<li><a href=\"./" + escape_html(protocols::http::encode_path(name)) + "\">" +
            escape_html(name) + "</a></li>\n";
  }
  return page + "</ul></body></html>\n";
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
