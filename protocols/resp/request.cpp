#include "protocols/resp/request.hpp"

#include <algorithm>

#include "protocols/resp/encoder.hpp"
#include "protocols/resp/length.hpp"

namespace protocols::inline v0::resp {
namespace {

// More words than this are rare; their memory is not kept for the next request.
constexpr std::size_t idle_words = 1024;
constexpr std::size_t smallest_word = 6;  // `$0\r\n\r\n`

template <class Container>
void empty(Container& container, std::size_t most_kept) {
  container.clear();
  if (container.capacity() > most_kept) Container().swap(container);
}

void begin(Requests::Scratch& scratch) {
  empty(scratch.places, idle_words);
  empty(scratch.words, idle_words);
  empty(scratch.unquoted, idle_words);
}

[[nodiscard]] bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

[[nodiscard]] int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Splits a line into words, with the quotes that redis-cli and redis-server know.
class LineSplitter {
 public:
  LineSplitter(std::string_view line, Requests::Scratch& scratch)
      : line_(line), scratch_(scratch) {}

  // False if quotes are not balanced, or a word follows a quote without a blank.
  [[nodiscard]] bool split() {
    while (skip_blanks()) {
      const std::size_t begin = scratch_.unquoted.size();
      if (!read_word()) return false;
      scratch_.places.push_back({begin, scratch_.unquoted.size() - begin});
    }
    for (const auto& place : scratch_.places) {
      scratch_.words.push_back(std::string_view(scratch_.unquoted).substr(place.begin, place.size));
    }
    return true;
  }

 private:
  [[nodiscard]] bool skip_blanks() {
    while (at_ < line_.size() && is_blank(line_[at_])) ++at_;
    return at_ < line_.size();
  }

  [[nodiscard]] bool read_word() {
    for (; at_ < line_.size() && !is_blank(line_[at_]); ++at_) {
      if (line_[at_] == '"') return read_double_quoted();
      if (line_[at_] == '\'') return read_single_quoted();
      scratch_.unquoted += line_[at_];
    }
    return true;
  }

  [[nodiscard]] bool read_single_quoted() {
    for (++at_; at_ < line_.size() && line_[at_] != '\''; ++at_) {
      if (line_.substr(at_).starts_with("\\'")) ++at_;
      scratch_.unquoted += line_[at_];
    }
    return ends_quote();
  }

  [[nodiscard]] bool read_double_quoted() {
    for (++at_; at_ < line_.size() && line_[at_] != '"'; ++at_) {
      scratch_.unquoted += line_[at_] == '\\' && at_ + 1 < line_.size() ? escaped() : line_[at_];
    }
    return ends_quote();
  }

  [[nodiscard]] char escaped() {
    const char c = line_[++at_];
    if (c == 'x' && at_ + 2 < line_.size()) {
      const int high = hex_digit(line_[at_ + 1]);
      const int low = hex_digit(line_[at_ + 2]);
      if (high >= 0 && low >= 0) {
        at_ += 2;
        return static_cast<char>(16 * high + low);
      }
    }
    constexpr std::string_view letters = "nrtba";
    constexpr std::string_view meanings = "\n\r\t\b\a";
    const std::size_t known = letters.find(c);
    return known == letters.npos ? c : meanings[known];
  }

  [[nodiscard]] bool ends_quote() {
    if (at_ == line_.size()) return false;
    ++at_;
    return at_ == line_.size() || is_blank(line_[at_]);
  }

  const std::string_view line_;
  Requests::Scratch& scratch_;
  std::size_t at_ = 0;
};

[[nodiscard]] Parsed<Request> parse_inline(Requests& requests, Bytes bytes, std::size_t& scanned) {
  const std::string_view text = as_text(bytes);
  const std::size_t longest = std::min(requests.max_inline_bytes, SIZE_MAX - 2);
  const std::size_t searched = std::min(text.size(), longest + 2);
  const std::size_t lf = text.substr(0, searched).find('\n', scanned);
  const std::size_t line_bytes = lf == text.npos ? 0 : lf - (lf > 0 && text[lf - 1] == '\r');
  if (lf != text.npos && line_bytes <= longest) {
    begin(requests.scratch);
    if (!LineSplitter(text.substr(0, line_bytes), requests.scratch).split()) {
      return Parsed<Request>::fail(DecodeError::bad_quotes, lf);
    }
    if (requests.scratch.words.empty()) return Parsed<Request>::skip(lf + 1);
    return Parsed<Request>::frame({requests.scratch.words}, lf + 1);
  }
  // The first excess byte may be the CR of the end; then the byte after it decides.
  if (text.size() > longest) {
    const std::size_t certain = longest + (text[longest] == '\r' ? 1 : 0);
    if (text.size() > certain) return Parsed<Request>::fail(DecodeError::too_large, certain);
  }
  scanned = text.size();
  return Parsed<Request>::need(text.size() + 1);
}

// The same verdict for the whole request, of which `done` bytes were read.
template <class Part>
[[nodiscard]] Parsed<Request> behind(std::size_t done, const Parsed<Part>& part) {
  Parsed<Request> whole = part.template without_frame<Request>();
  if (whole.verdict == Verdict::need) {
    whole.needs += done;
  } else {
    whole.size += done;
  }
  return whole;
}

}  // namespace

Parsed<Request> Requests::parse(Bytes bytes, Progress& progress) {
  const std::string_view text = as_text(bytes);
  if (!progress.is_counted) {
    if (text.front() != '*') {
      if (accept_inline) return parse_inline(*this, bytes, progress.scanned);
      return Parsed<Frame>::fail(DecodeError::bad_type, 0);
    }
    const Parsed<Length> count = parse_length(text, max_words, true);
    if (count.verdict != Verdict::frame) return count.without_frame<Frame>();
    if (count.value.value == 0) return Parsed<Frame>::skip(count.size);
    if (count.size + smallest_word * count.value.value > max_request_bytes) {
      return Parsed<Frame>::fail(DecodeError::too_large, count.size - 1);
    }
    begin(scratch);
    progress = {count.size, count.value.value, true};
  }
  while (progress.missing > 0) {
    const std::size_t done = progress.scanned;
    const std::string_view left = text.substr(done);
    if (left.empty()) return Parsed<Frame>::need(done + 1);
    if (left.front() != '$') return Parsed<Frame>::fail(DecodeError::bad_type, done);
    const Parsed<Length> length = parse_length(left, max_bulk_bytes, false);
    if (length.verdict != Verdict::frame) return behind(done, length);
    const std::size_t begin = done + length.size;
    if (begin + length.value.value + 2 > max_request_bytes) {
      return Parsed<Frame>::fail(DecodeError::too_large, begin - 1);
    }
    const auto string = parse_string(left, length.size, length.value.value);
    if (string.verdict != Verdict::frame) return behind(done, string);
    scratch.places.push_back({begin, length.value.value});
    progress.scanned = done + string.size;
    --progress.missing;
  }
  for (const auto& place : scratch.places) {
    scratch.words.push_back(text.substr(place.begin, place.size));
  }
  return Parsed<Frame>::frame({scratch.words}, progress.scanned);
}

void append_request(std::vector<std::byte>& out, Words words) {
  Encoder encoder(out, Version::resp2);
  encoder.begin(Type::array, words.size());
  for (std::string_view word : words) encoder.bulk(word);
}

void append_request(std::vector<std::byte>& out, std::initializer_list<std::string_view> words) {
  append_request(out, Words(words.begin(), words.size()));
}

}  // namespace protocols::resp
