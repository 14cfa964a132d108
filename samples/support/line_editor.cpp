#include "samples/support/line_editor.hpp"

#include <algorithm>

namespace samples {
namespace {

constexpr std::size_t longest_history = 1000;

constexpr char control(char letter) { return static_cast<char>(letter & 0x1f); }
constexpr char escape = '\x1b';
constexpr char backspace = '\x7f';

// A byte of UTF-8 that does not begin a character.
bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) == 0x80; }

auto characters(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char byte) { return !continues(byte); });
}

}  // namespace

LineEditor::Typed LineEditor::type(std::string_view bytes) {
  Typed typed;
  for (const char byte : bytes) {
    take(byte, typed);
    if (typed.ended) return typed;
  }
  if (typed.lines.empty()) typed.screen += redraw();
  return typed;
}

std::string LineEditor::redraw() const {
  std::string shown = "\r\x1b[K" + prompt_ + line_;
  const auto behind = characters(std::string_view(line_).substr(cursor_));
  if (behind > 0) shown += "\x1b[" + std::to_string(behind) + "D";
  return shown;
}

void LineEditor::take(char key, Typed& typed) {
  if (!sequence_.empty()) {
    sequence_ += key;
    const bool begins = sequence_.size() == 2 && (key == '[' || key == 'O');
    const bool goes_on = begins || (key >= '0' && key <= '?');
    if (!goes_on) take_sequence(key);
    return;
  }
  switch (key) {
    case escape:
      sequence_ = key;
      return;
    case '\r':
    case '\n':
      return finish_line(typed);
    case backspace:
    case control('H'):
      if (cursor_ == 0) return;
      move_left();
      return erase_right();
    case control('A'):
      cursor_ = 0;
      return;
    case control('E'):
      cursor_ = line_.size();
      return;
    case control('K'):
      line_.erase(cursor_);
      return;
    case control('U'):
      line_.erase(0, cursor_);
      cursor_ = 0;
      return;
    case control('C'):
      typed.screen += redraw() + "^C\r\n";
      line_.clear();
      cursor_ = 0;
      recalled_ = history_.size();
      return;
    case control('D'):
      typed.ended = line_.empty();
      if (typed.ended) typed.screen += "\r\n";
      return erase_right();
    default:
      if (static_cast<unsigned char>(key) >= ' ') insert(key);
  }
}

void LineEditor::take_sequence(char final) {
  const bool deletes = sequence_ == "\x1b[3~";
  sequence_.clear();
  if (deletes) return erase_right();
  switch (final) {
    case 'A':
      return recall(recalled_ == 0 ? 0 : recalled_ - 1);
    case 'B':
      return recall(std::min(recalled_ + 1, history_.size()));
    case 'C':
      return move_right();
    case 'D':
      return move_left();
    case 'H':
      cursor_ = 0;
      return;
    case 'F':
      cursor_ = line_.size();
      return;
    default:
      return;
  }
}

void LineEditor::finish_line(Typed& typed) {
  cursor_ = line_.size();
  typed.screen += redraw() + "\r\n";
  typed.lines += line_ + '\n';
  const bool is_new = !line_.empty() && (history_.empty() || history_.back() != line_);
  if (is_new && history_.size() == longest_history) history_.erase(history_.begin());
  if (is_new) history_.push_back(line_);
  recalled_ = history_.size();
  line_.clear();
  cursor_ = 0;
}

void LineEditor::insert(char byte) { line_.insert(cursor_++, 1, byte); }

void LineEditor::move_left() {
  while (cursor_ > 0 && continues(line_[--cursor_])) {
  }
}

void LineEditor::move_right() {
  if (cursor_ == line_.size()) return;
  while (++cursor_ < line_.size() && continues(line_[cursor_])) {
  }
}

void LineEditor::erase_right() {
  const std::size_t from = cursor_;
  move_right();
  line_.erase(from, cursor_ - from);
  cursor_ = from;
}

void LineEditor::recall(std::size_t entry) {
  if (recalled_ == history_.size()) new_line_ = line_;
  recalled_ = entry;
  line_ = entry == history_.size() ? new_line_ : history_[entry];
  cursor_ = line_.size();
}

}  // namespace samples
