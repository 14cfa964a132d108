#include "samples/http_responder/listing.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <ctime>
#include <optional>
#include <utility>

#include "protocols/http/target.hpp"
#include "samples/http_responder/options.hpp"
#include "samples/http_responder/page_style.hpp"

namespace responder {
namespace {

using Entry = FolderListing::Entry;

constexpr std::string_view style = R"(
  table { width: 100%; border-spacing: 0; overflow: hidden; }
  th { padding: .6rem 1rem; color: var(--quiet); font-size: .8rem; font-weight: 600; text-align: left; }
  td { padding: .45rem 1rem; border-top: 1px solid var(--line); }
  tbody tr:hover { background: var(--mark); }
  th + th, td + td { text-align: right; white-space: nowrap; }
  td + td { color: var(--quiet); font-size: .875rem; font-variant-numeric: tabular-nums; }
  td a { display: block; unicode-bidi: isolate; overflow-wrap: anywhere; padding-left: 1.75rem; text-indent: -1.75rem; }
  td a::before {
    content: ""; display: inline-block; width: 1.1rem; height: 1.1rem; margin-right: .65rem;
    vertical-align: -.2rem; background: var(--quiet); mask: var(--icon) center / contain no-repeat;
    -webkit-mask: var(--icon) center / contain no-repeat;
    --icon: url("data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath fill='none' stroke='black' stroke-width='1.3' stroke-linejoin='round' d='M3.5 1.5h6l3 3v10h-9zM9.5 1.5v3h3'/%3E%3C/svg%3E");
  }
  td a.d { font-weight: 600; }
  td a.d::before {
    background: var(--accent);
    --icon: url("data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath d='M1.5 3h4.7l1.5 1.7h6.8v8.8h-13z'/%3E%3C/svg%3E");
  }
  td.none { padding: 1.5rem 1rem; text-align: center; color: var(--quiet); }
  h1 a { font-weight: 600; } h1 span { color: var(--quiet); font-weight: 400; margin: 0 .3em; }
  @media (max-width: 40rem) {
    body { padding: 1.25rem .75rem 2rem; }
    thead { display: none; }
    tr { display: flex; flex-wrap: wrap; padding: .6rem .9rem; border-top: 1px solid var(--line); }
    tbody tr:first-child { border-top: 0; }
    td { padding: 0; border: 0; flex: 1 0 100%; }
    td + td { flex: 0 0 auto; font-size: .8rem; padding-left: 1.75rem; }
    td + td:empty { display: none; }
    td + td + td { margin-left: auto; padding-left: 1rem; }
    td:empty + td { margin-left: 0; padding-left: 1.75rem; }
  }
)";

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

std::string readable_time(std::time_t time) {
  std::tm parts{};
  char text[40];
  // A file may have a time whose year has no four digits.
  if (!gmtime_r(&time, &parts) || parts.tm_year < -1900 || parts.tm_year > 9999 - 1900) return "";
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &parts)};
}

// Empty for what is not served: hidden or special files, and links that lead nowhere or out.
std::optional<Entry> examine(const web::Folder& root, int folder, const std::string& path,
                             const char* name) {
  if (!root.shows(name)) return std::nullopt;
  struct stat status {};
  if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
  Entry entry{.name = name,
              .is_folder = S_ISDIR(status.st_mode),
              .size = static_cast<std::uint64_t>(status.st_size),
              .modified = status.st_mtim.tv_sec};
  if (entry.is_folder || S_ISREG(status.st_mode)) return entry;
  if (!S_ISLNK(status.st_mode)) return std::nullopt;
  const auto found = root.examine(path + name);
  if (!found || found->kind == web::Folder::Found::Kind::other) return std::nullopt;
  entry.is_folder = found->kind == web::Folder::Found::Kind::directory;
  entry.size = found->size;
  entry.modified = found->modified.time_since_epoch().count();
  return entry;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// Folders first, then by name without case; names that differ only in case are sorted by case.
bool comes_before(const Entry& one, const Entry& other) {
  if (one.is_folder != other.is_folder) return one.is_folder;
  const auto [mine, its] =
      std::mismatch(one.name.begin(), one.name.end(), other.name.begin(), other.name.end(),
                    [](char a, char b) { return lower(a) == lower(b); });
  if (mine == one.name.end() && its == other.name.end()) return one.name < other.name;
  if (mine == one.name.end() || its == other.name.end()) return mine == one.name.end();
  return lower(*mine) < lower(*its);
}

// The memory of the entry, with the memory block of its string.
std::size_t bytes_of(const Entry& entry) {
  return sizeof(Entry) + entry.name.size() + 2 * sizeof(void*);
}

std::string counted(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

void append_row(std::string& page, const Entry& entry) {
  const std::string_view slash = entry.is_folder ? "/" : "";
  // "./", because a name may look like a scheme.
  page += fmt::format(
      "<tr><td><a{} href=\"./{}{}\">{}{}</a></td>", entry.is_folder ? " class=\"d\"" : "",
      escape_html(protocols::http::encode_path(entry.name)), slash, escape_html(entry.name), slash);
  if (entry.is_folder) {
    page += "<td></td>";
  } else {
    page += fmt::format("<td title=\"{}\">{}</td>", counted(entry.size, "byte"),
                        readable_size(entry.size));
  }
  page += fmt::format("<td>{}</td></tr>\n", readable_time(entry.modified));
}

// `root / docs / api`: all but the last are links.
std::string trail(std::string_view path) {
  if (path == "/") return "root";
  std::string html = "<a href=\"/\">root</a>";
  std::string link = "/";
  for (std::string_view rest = path.substr(1); !rest.empty();) {
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    const std::string_view name = rest.substr(0, slash);
    rest.remove_prefix(std::min(slash + 1, rest.size()));
    link += protocols::http::encode_path(name) + "/";
    const std::string text = escape_html(name);
    html += "<span>/</span>";
    html += rest.empty() ? text : "<a href=\"" + escape_html(link) + "\">" + text + "</a>";
  }
  return html;
}

}  // namespace

std::string readable_size(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  constexpr std::array units{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double size = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; size >= 1023.95; ++unit) size /= 1024;
  return fmt::format("{:.1f} {}", size, units[unit]);
}

FolderListing::FolderListing(const web::Folder& root, reactor::File folder, std::string path)
    : root_(root), folder_(std::move(folder)), path_(std::move(path)) {}

reactor::Result<void> FolderListing::read(const std::stop_token& stop) {
  if (!reader_) {
    auto reader = samples::FolderReader::open(folder_);
    if (!reader) return reactor::Failure(reader.error());
    reader_ = std::move(*reader);
    folder_ = reactor::File();
  }
  std::size_t names = 0;
  const auto more = reader_->read(stop, [&](const char* name) {
    if (auto entry = examine(root_, reader_->fd(), path_, name)) take(std::move(*entry));
    return ++names < names_at_once && kept_bytes_ < sorted_bytes;
  });
  if (!more) return reactor::Failure(more.error());
  ended_ = !*more;
  if (kept_bytes_ >= sorted_bytes) sorted_ = false;
  if (ended_) reader_.reset();
  if (ended_ && sorted_) std::sort(kept_.begin(), kept_.end(), comes_before);
  return {};
}

void FolderListing::take(Entry entry) {
  entry.is_folder ? ++folders_ : ++files_;
  if (!entry.is_folder) bytes_ += entry.size;
  kept_bytes_ += bytes_of(entry);
  kept_.push_back(std::move(entry));
}

bool FolderListing::fits_whole() const { return ended_ && kept_bytes_ <= whole_bytes; }

void FolderListing::write_head(std::string& page) const {
  page += page_begin;
  page += style;
  page += "</style>\n<title>" + escape_html(path_) + "</title>\n</head>\n<body>\n<h1>" +
          trail(path_) + "</h1>\n";
}

void FolderListing::write_rows(std::string& page, std::size_t piece_bytes) {
  const std::size_t end = page.size() + piece_bytes;
  if (!std::exchange(in_table_, true)) {
    if (!sorted_) page += "<p class=\"quiet\">Unsorted: there are too many names here.</p>\n";
    page +=
        "<table class=\"card\">\n<thead><tr><th>Name</th><th>Size</th><th>Modified</th></tr>"
        "</thead>\n<tbody>\n";
    if (path_ != "/") {
      page += "<tr><td><a class=\"d\" href=\"../\">../</a></td><td></td><td></td></tr>\n";
    }
  }
  for (; written_ < kept_.size() && page.size() < end; ++written_) {
    append_row(page, kept_[written_]);
  }
  if (written_ < kept_.size()) return;
  kept_.clear();
  kept_bytes_ = written_ = 0;
}

void FolderListing::write_end(std::string& page) const {
  if (folders_ + files_ == 0) {
    page += "<tr><td class=\"none\" colspan=\"3\">Nothing is here.</td></tr>\n";
  }
  page += "</tbody>\n</table>\n<p class=\"quiet\">" + counted(folders_, "folder") + ", " +
          counted(files_, "file") + ", " + readable_size(bytes_) +
          ". Times are in UTC.</p>\n</body>\n</html>\n";
}

}  // namespace responder
