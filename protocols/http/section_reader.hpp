// Reads the lines of a head or of a trailer section, one element after the other.
#pragma once

#include <cstdint>
#include <string_view>

#include "protocols/frame_decoder.hpp"
#include "protocols/http/scan.hpp"
#include "protocols/http/section.hpp"
#include "protocols/http/syntax.hpp"

namespace protocols::inline v0::http {

/// Every read_… returns true when its element is complete and the next one begins. Otherwise it has
/// to stop, and stopped() returns the reason: more bytes are needed, and `progress` records where
/// to continue; or an error, at the first byte that made it certain.
class SectionReader {
 public:
  using Element = SectionProgress::Element;

  SectionReader(Bytes bytes, SectionProgress& progress, const Limits& limits)
      : text_(as_text(bytes).substr(0, limits.max_head_bytes)),
        scanner_(text_),
        progress_(progress),
        limits_(limits),
        element_(progress.element),
        line_(progress.line),
        begin_(progress.begin),
        at_(progress.at),
        max_line_bytes_(in_start_line() ? limits.max_start_line_bytes : limits.max_field_bytes),
        arrived_(bytes.size()) {}

  [[nodiscard]] Element element() const { return element_; }

  /// Where the element begins; at the end, the size of the section.
  [[nodiscard]] std::size_t begin() const { return begin_; }

  /// Begins another element here; its length counts from here.
  void begin(Element element) {
    line_ = at_;
    next(element, at_);
  }

  bool read_method() {
    const std::size_t end = scanner_.token_end(at_);
    if (!reached(end)) return false;
    if (text_[end] != ' ' || end == 0) return fail(DecodeError::bad_method, end);
    return next(Element::target, end + 1);
  }

  bool read_target() {
    const std::size_t end = scanner_.target_end(at_);
    if (!reached(end)) return false;
    if (text_[end] != ' ' || end == begin_) return fail(DecodeError::bad_target, end);
    return next(Element::version, end + 1);
  }

  /// Reads `pattern`, in which `d` is any digit and `D` any digit but 0. Almost always the text is
  /// `usually`.
  bool read_pattern(std::string_view pattern, std::string_view usually, DecodeError otherwise) {
    if (text_.substr(begin_).starts_with(usually)) {
      at_ = begin_ + usually.size();
      return true;
    }
    for (; at_ < begin_ + pattern.size(); ++at_) {
      if (at_ == text_.size()) return wait(at_);
      if (!fits(pattern[at_ - begin_], text_[at_])) return fail(otherwise, at_);
      if (pattern.starts_with('H') && at_ - begin_ == major_version_at && text_[at_] != '1') {
        return fail(DecodeError::unsupported_version, at_);
      }
    }
    return true;
  }

  /// The first of the fields begins at `at`; 0 for a trailer section.
  void begin_fields(std::size_t at, FieldIndex& index) {
    index.begin({0, narrow(at - 2)});
    line_ = at;
    next(Element::name, at);
    max_line_bytes_ = limits_.max_field_bytes;
  }

  /// Reads all field lines, and the empty line after them; `index` has the line before them.
  /// `judge(name, value, number)` returns what is wrong with a field, or DecodeError{}.
  template <class Judge>
  bool read_fields(FieldIndex& index, Judge judge) {
    for (;;) {
      if (element_ == Element::name) {
        const std::size_t colon = scanner_.token_end(at_);
        if (colon == text_.size() || text_[colon] != ':' || colon == line_) {
          return stop_in_name(colon);
        }
        next(Element::value, colon + 1);
      }
      const std::size_t end = scanner_.text_end(at_);
      if (end - line_ > max_line_bytes_ || !is_line_end(end)) return stop_in_text(end);
      const std::string_view name = part(line_, begin_ - 1);
      const std::string_view value = trim_blanks(part(begin_, end));
      if (index.size() > limits_.max_fields) return fail(DecodeError::fields_too_large, end + 1);
      index.add({narrow(begin_ - 1), narrow(end)});
      const DecodeError wrong = judge(name, value, narrow(index.size() - 1));
      if (wrong != DecodeError{}) return fail(wrong, end + 1);
      line_ = end + 2;
      next(Element::name, line_);
    }
  }

  /// Reads what follows a status: text up to the end of the line, after a space. Then the fields
  /// begin.
  bool read_reason(FieldIndex& index) {
    if (at_ == begin_ && at_ < text_.size() && text_[at_] != ' ' && text_[at_] != '\r') {
      return fail(DecodeError::bad_status, at_);
    }
    const std::size_t end = scanner_.text_end(at_);
    if (end - line_ > max_line_bytes_ || !is_line_end(end)) {
      return stop_in_text(end, DecodeError::bad_status);
    }
    begin_fields(end + 2, index);
    return true;
  }

  /// Also for errors that the caller finds.
  bool fail(DecodeError error, std::size_t at) {
    error_ = error;
    at_ = at;
    return false;
  }

  template <class Frame>
  [[nodiscard]] Parsed<Frame> stopped() const {
    if (error_ != DecodeError{}) return Parsed<Frame>::fail(error_, at_);
    return Parsed<Frame>::need(arrived_ + 1);
  }

 private:
  static constexpr std::size_t major_version_at = std::string_view("HTTP/").size();

  [[nodiscard]] bool in_start_line() const { return element_ < Element::name; }

  static bool fits(char pattern, char c) {
    if (pattern == 'd') return digits.contains(c);
    if (pattern == 'D') return digits.contains(c) && c != '0';
    return pattern == c;
  }

  // True if the byte at `end` can be checked: it has arrived, and is within the limits.
  bool reached(std::size_t end) {
    if (end - line_ > max_line_bytes_) {
      const auto error =
          in_start_line() ? DecodeError::start_line_too_long : DecodeError::fields_too_large;
      return fail(error, line_ + max_line_bytes_);
    }
    return end < text_.size() || wait(end);
  }

  bool wait(std::size_t at) {
    if (text_.size() < arrived_) return fail(DecodeError::fields_too_large, text_.size());
    progress_ = {element_, narrow(line_), narrow(begin_), narrow(at)};
    return false;
  }

  bool next(Element element, std::size_t begin) {
    element_ = element;
    begin_ = at_ = begin;
    return true;
  }

  [[nodiscard]] bool is_line_end(std::size_t at) const {
    return at + 1 < text_.size() && text_[at] == '\r' && text_[at + 1] == '\n';
  }

  // Why the line that begins with a token up to `end` is no field: it may be the empty line.
  bool stop_in_name(std::size_t end) {
    if (!reached(end)) return false;
    if (end > line_) return fail(DecodeError::bad_field_name, end);
    if (is_blank(text_[end])) return fail(DecodeError::folded_line, end);
    if (!is_line_end(end)) return stop_in_text(end, DecodeError::bad_field_name);
    begin_ = end + 2;
    return true;
  }

  // Why the text up to `end` does not end the line.
  bool stop_in_text(std::size_t end, DecodeError otherwise = DecodeError::bad_field_value) {
    if (!reached(end)) return false;
    if (text_[end] != '\r') {
      return fail(text_[end] == '\n' ? DecodeError::bad_line_end : otherwise, end);
    }
    if (end + 1 == text_.size()) return wait(end);
    return fail(DecodeError::bad_line_end, end + 1);
  }

  [[nodiscard]] std::string_view part(std::size_t begin, std::size_t end) const {
    return {text_.data() + begin, end - begin};
  }

  static std::uint32_t narrow(std::size_t value) { return static_cast<std::uint32_t>(value); }

  std::string_view text_;  // At most max_head_bytes.
  Scanner scanner_;
  SectionProgress& progress_;
  const Limits& limits_;
  Element element_;
  std::size_t line_;
  std::size_t begin_;
  std::size_t at_;
  std::size_t max_line_bytes_;
  std::size_t arrived_;
  DecodeError error_{};
};

}  // namespace protocols::http
