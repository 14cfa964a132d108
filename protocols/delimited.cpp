#include "protocols/delimited.hpp"

#include <algorithm>
#include <cassert>

namespace protocols::inline v0 {
namespace {

// How many of the delimiter's first bytes are at `start`.
std::size_t matching(std::string_view text, std::size_t start, std::string_view delimiter) {
  const std::string_view there = text.substr(start, delimiter.size());
  return static_cast<std::size_t>(
      std::mismatch(there.begin(), there.end(), delimiter.begin()).first - there.begin());
}

}  // namespace

Parsed<Bytes> Delimited::parse(Bytes bytes, Progress& progress) const {
  assert(!delimiters.empty());
  const std::string_view text = as_text(bytes);
  const bool overfull = text.size() > max_frame_bytes;
  const std::size_t last_start = overfull ? max_frame_bytes + 1 : text.size();

  std::size_t& start = progress.start;
  for (; (start = find_start(text.substr(0, last_start), start)) < last_start; ++start) {
    std::size_t shortest = 0, seen = progress.seen;
    bool unfinished = false;
    for (const std::string& delimiter : delimiters) {
      const std::size_t match = matching(text, start, delimiter);
      seen = std::max(seen, start + match + 1);
      if (match == delimiter.size()) {
        shortest = shortest == 0 ? match : std::min(shortest, match);
      } else if (start + match == text.size()) {
        unfinished = true;
      }
    }
    if (shortest > 0) {
      const std::size_t total = start + shortest;
      return Parsed<Frame>::frame(bytes.first(strip ? start : total), total).after(progress.seen);
    }
    if (unfinished) return Parsed<Frame>::need(bytes.size() + 1);
    progress.seen = seen;
  }
  if (overfull) return Parsed<Frame>::fail(DecodeError::too_large, too_large_at(text));
  return Parsed<Frame>::need(bytes.size() + 1);
}

// The first position from `from` on that has the first byte of a delimiter, or the end.
std::size_t Delimited::find_start(std::string_view text, std::size_t from) const {
  if (delimiters.size() == 1) return std::min(text.find(delimiters[0][0], from), text.size());
  const auto begins = [this](char byte) {
    return std::any_of(delimiters.begin(), delimiters.end(),
                       [byte](const std::string& delimiter) { return delimiter[0] == byte; });
  };
  return static_cast<std::size_t>(
      std::find_if(text.begin() + static_cast<std::ptrdiff_t>(from), text.end(), begins) -
      text.begin());
}

// The byte that ruled out the last delimiter that could still have ended the frame.
std::size_t Delimited::too_large_at(std::string_view text) const {
  std::size_t certain = max_frame_bytes;
  for (const std::string& delimiter : delimiters) {
    const std::size_t earliest = max_frame_bytes - std::min(max_frame_bytes, delimiter.size());
    for (std::size_t start = earliest; start <= max_frame_bytes; ++start) {
      certain = std::max(certain, start + matching(text, start, delimiter));
    }
  }
  return certain;
}

bool Delimited::returns(Bytes content) const {
  const Bytes delimiter = as_bytes(delimiters.front());
  Progress progress;
  if (parse(content, progress).verdict != Verdict::need) return false;
  // The content may end with the beginning of a delimiter.
  const Bytes tail = content.subspan(progress.start);
  std::vector<std::byte> end;
  end.reserve(tail.size() + delimiter.size());
  end.insert(end.end(), tail.begin(), tail.end());
  end.insert(end.end(), delimiter.begin(), delimiter.end());
  progress = {};
  const auto parsed = parse(end, progress);
  return parsed.verdict == Verdict::frame && parsed.size == end.size();
}

}  // namespace protocols
