#include "protocols/content_length_block.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace protocols::inline v0 {
namespace {

using Blocks = ContentLengthBlocks;
using BlockResult = Parsed<Blocks::Frame>;

constexpr std::string_view length_field = "content-length";
constexpr std::string_view type_field = "content-type";

[[nodiscard]] char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

[[nodiscard]] bool is_named(std::string_view name, std::string_view lower_case) {
  return std::equal(name.begin(), name.end(), lower_case.begin(), lower_case.end(),
                    [](char a, char b) { return lower(a) == b; });
}

[[nodiscard]] bool is_control(char c) {
  return (static_cast<unsigned char>(c) < ' ' && c != '\t') || c == '\x7F';
}

// Of the name of a field.
[[nodiscard]] bool is_token(char c) {
  const char letter = lower(c);
  if ((letter >= 'a' && letter <= 'z') || (c >= '0' && c <= '9')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

[[nodiscard]] std::string_view trimmed(std::string_view text) {
  const std::size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

// Reads one line after the other, each when its end has arrived.
class HeaderReader {
 public:
  HeaderReader(const Blocks& options, Blocks::Progress& progress, std::string_view text)
      : options_(options), progress_(progress), text_(text) {}

  // Sets header_end.
  [[nodiscard]] BlockResult read() {
    while (progress_.header_end == 0) {
      const BlockResult line = find_line();
      if (line.verdict != Verdict::skip) return line;
      const std::string_view field =
          text_.substr(progress_.line_begin, line.size - 2 - progress_.line_begin);
      if (field.empty()) {
        if (!progress_.has_length) return fail(DecodeError::bad_content_length);
        progress_.header_end = line.size;
      } else if (const BlockResult read = read_field(field); read.verdict == Verdict::error) {
        return read;
      }
      progress_.line_begin = progress_.scanned = line.size;
    }
    return BlockResult::skip(progress_.header_end);
  }

 private:
  // The next line, up to its LF.
  [[nodiscard]] BlockResult find_line() {
    std::size_t& at = progress_.scanned;
    for (; at < text_.size(); ++at) {
      if (at >= options_.max_header_bytes) return BlockResult::fail(DecodeError::too_large, at);
      const char c = text_[at];
      const bool is_first = at == progress_.line_begin;
      const bool follows_cr = !is_first && text_[at - 1] == '\r';
      if (follows_cr && c == '\n') return BlockResult::skip(at + 1);
      if (follows_cr || c == '\n') return BlockResult::fail(DecodeError::bad_line_end, at);
      if (progress_.colon > progress_.line_begin) {
        if (is_control(c) && c != '\r') return BlockResult::fail(DecodeError::bad_field_value, at);
      } else if (c == ':' && !is_first) {
        progress_.colon = at;
      } else if (!is_token(c) && !(c == '\r' && is_first)) {
        return BlockResult::fail(DecodeError::bad_field_name, at);
      }
    }
    return BlockResult::need(text_.size() + 1);
  }

  [[nodiscard]] BlockResult read_field(std::string_view field) {
    const std::size_t colon = progress_.colon - progress_.line_begin;
    const std::string_view name = field.substr(0, colon);
    const std::string_view value = trimmed(field.substr(colon + 1));
    if (is_named(name, length_field)) return read_length(value);
    if (!is_named(name, type_field)) return BlockResult::skip(0);
    if (std::exchange(progress_.has_type, true)) return fail(DecodeError::bad_field_value);
    progress_.type_begin = static_cast<std::size_t>(value.data() - text_.data());
    progress_.type_bytes = value.size();
    return BlockResult::skip(0);
  }

  [[nodiscard]] BlockResult read_length(std::string_view digits) {
    if (std::exchange(progress_.has_length, true) || digits.empty()) {
      return fail(DecodeError::bad_content_length);
    }
    const std::size_t most = std::min<std::size_t>(options_.max_content_bytes, SIZE_MAX / 16);
    for (char c : digits) {
      if (c < '0' || c > '9') return fail(DecodeError::bad_content_length);
    }
    for (char c : digits) {
      progress_.length = 10 * progress_.length + static_cast<std::size_t>(c - '0');
      if (progress_.length > most) return fail(DecodeError::too_large);
    }
    return BlockResult::skip(0);
  }

  // At the LF of the line.
  [[nodiscard]] BlockResult fail(DecodeError error) const {
    return BlockResult::fail(error, progress_.scanned);
  }

  const Blocks& options_;
  Blocks::Progress& progress_;
  const std::string_view text_;
};

}  // namespace

Parsed<ContentBlock> ContentLengthBlocks::parse(Bytes bytes, Progress& progress) const {
  const BlockResult header = HeaderReader(*this, progress, as_text(bytes)).read();
  if (header.verdict != Verdict::skip) return header;
  const std::size_t end = progress.header_end + progress.length;
  if (bytes.size() < end) return BlockResult::need(end);
  const std::string_view type = as_text(bytes).substr(progress.type_begin, progress.type_bytes);
  return BlockResult::frame({type, bytes.subspan(progress.header_end, progress.length)}, end);
}

}  // namespace protocols
