#include "samples/support/line_editor.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "samples/support/unicode.hpp"

namespace samples {
namespace {

constexpr std::size_t longest_history = 1000;
constexpr std::size_t longest_sequence = 32;

constexpr char control(char letter) { return static_cast<char>(letter & 0x1f); }
constexpr char escape = '\x1b';
constexpr char backspace = '\x7f';
constexpr std::string_view replacement = "\xef\xbf\xbd";  // Shown for what would be invisible.

bool is_control(char byte) { return static_cast<unsigned char>(byte) < ' ' || byte == backspace; }
bool is_ascii(char byte) { return static_cast<unsigned char>(byte) < 0x80; }

std::string move(std::size_t count, char direction) {
  return count == 0 ? "" : "\x1b[" + std::to_string(count) + direction;
}

}  // namespace

// --- the screen

void LineEditor::resize(std::size_t columns, std::size_t rows) {
  if (columns == columns_ && rows == screen_rows_) return;
  columns_ = columns;
  screen_rows_ = rows;
  // Terminals differ in whether they wrap the shown text again. If this assumes too few rows, old
  // ones remain at worst; if it assumed too many, it would erase what is above.
  rows_above_ = std::min({rows_above_, layout().cursor.row, rows - 1});
}

LineEditor::Layout LineEditor::layout() const {
  Layout made{.rows = {""}, .cursor = {}, .end = {}};
  Place at;
  const auto next_row = [&] {
    made.rows.emplace_back();
    at = {.row = at.row + 1, .column = 0};
  };
  const std::string text = prompt_ + line_;
  const std::size_t cursor = prompt_.size() + cursor_;
  for (std::size_t from = 0; from < text.size();) {
    const auto [code, size] = decode(std::string_view(text).substr(from));
    const bool shows = code != ill_formed && !commands_terminal(code);
    const std::size_t width = shows ? columns(code) : 1;
    if (width > 0 && at.column > 0 && at.column + width > columns_) next_row();
    if (from == cursor) made.cursor = at;
    made.rows.back() += shows ? std::string_view(text).substr(from, size) : replacement;
    at.column += width;
    from += size;
  }
  if (cursor == text.size()) {
    if (at.column >= columns_) next_row();
    made.cursor = at;
  }
  made.end = at;
  return made;
}

std::string LineEditor::redraw() { return draw(screen_rows_); }

std::string LineEditor::draw(std::size_t max_rows) {
  std::string shown = erase();
  const Layout whole = layout();
  const std::size_t count = std::min(whole.rows.size(), max_rows);
  const std::size_t least = whole.cursor.row < count ? 0 : whole.cursor.row - count + 1;
  first_row_ = std::clamp(first_row_, least, std::min(whole.cursor.row, whole.rows.size() - count));
  for (std::size_t row = first_row_; row < first_row_ + count; ++row) {
    // After a full row the terminal continues in the next row by itself, unless that row is empty.
    if (row > first_row_ && whole.rows[row].empty()) shown += "\r\n";
    shown += whole.rows[row];
  }
  const std::size_t last_row = first_row_ + count - 1;
  rows_above_ = whole.cursor.row - first_row_;
  rows_below_ = last_row - whole.cursor.row;
  const bool at_end = whole.cursor.row == whole.end.row && whole.cursor.column == whole.end.column;
  if (!at_end) shown += move(rows_below_, 'A') + '\r' + move(whole.cursor.column, 'C');
  return shown;
}

std::string LineEditor::erase() {
  std::string shown = move(rows_above_, 'A') + "\r\x1b[J";
  forget_screen();
  return shown;
}

std::string LineEditor::move_below() {
  std::string shown = move(rows_below_, 'B') + "\r\n";
  forget_screen();
  return shown;
}

// --- keys

LineEditor::Typed LineEditor::type(std::string_view bytes) {
  Typed typed;
  for (const char byte : bytes) {
    take(byte, typed);
    if (typed.ended) return typed;
  }
  if (typed.lines.empty()) typed.screen += redraw();
  if (typed.suspended) typed.screen += move_below();
  return typed;
}

void LineEditor::take(char byte, Typed& typed) {
  if (!sequence_.empty() && take_in_sequence(byte)) return;
  if (!is_ascii(byte)) return take_text(byte);
  character_.clear();  // An unfinished character is dropped.
  if (is_control(byte)) return take_key(byte, typed);
  insert({&byte, 1});
}

void LineEditor::take_key(char key, Typed& typed) {
  switch (key) {
    case escape:
      sequence_ = key;
      return;
    case '\r':
    case '\n':
      return finish_line(typed);
    case backspace:
    case control('H'):
      return erase_left();
    case control('A'):
      cursor_ = 0;
      return;
    case control('B'):
      return move_left();
    case control('E'):
      cursor_ = line_.size();
      return;
    case control('F'):
      return move_right();
    case control('K'):
      line_.erase(cursor_);
      return;
    case control('L'):
      typed.screen += "\x1b[H\x1b[2J";
      return forget_screen();
    case control('N'):
      return recall_later();
    case control('P'):
      return recall_earlier();
    case control('U'):
      line_.erase(0, cursor_);
      cursor_ = 0;
      return;
    case control('W'):
      return erase_word_left();
    case control('C'):
      return drop_line(typed);
    case control('D'):
      typed.ended = line_.empty();
      if (typed.ended) typed.screen += redraw() + "\r\n";
      return erase_right();
    case control('Z'):
      typed.suspended = true;
      return;
    default:
      return;
  }
}

// A control character, or a character beyond ASCII, is not part of a sequence. It ends an
// unfinished sequence and is processed as itself.
bool LineEditor::take_in_sequence(char key) {
  if (is_control(key) || !is_ascii(key) || sequence_.size() == longest_sequence) {
    sequence_.clear();
    return false;
  }
  sequence_ += key;
  const bool begins = sequence_.size() == 2 && (key == '[' || key == 'O');
  const bool goes_on = begins || (sequence_.size() > 2 && key >= ' ' && key <= '?');
  if (!goes_on) take_sequence(key);
  return true;
}

void LineEditor::take_sequence(char final) {
  const std::string sequence = std::exchange(sequence_, {});
  if (sequence.size() == 2) return;  // Alt with a key.
  if (sequence == "\x1b[3~") return erase_right();
  if (sequence == "\x1b[1~" || sequence == "\x1b[7~") final = 'H';
  if (sequence == "\x1b[4~" || sequence == "\x1b[8~") final = 'F';
  switch (final) {
    case 'A':
      return recall_earlier();
    case 'B':
      return recall_later();
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

// Inserts the bytes of a character together, and bytes that are not a character as they arrive.
void LineEditor::take_text(char byte) {
  character_ += byte;
  if (is_incomplete(character_)) return;
  if (decode(character_).code == ill_formed && character_.size() > 1) {
    insert(std::string_view(character_).substr(0, character_.size() - 1));
    character_.clear();
    return take_text(byte);
  }
  insert(character_);
  character_.clear();
}

void LineEditor::drop_line(Typed& typed) {
  cursor_ = line_.size();
  typed.screen += redraw() + "^C (Ctrl-D ends)\r\n";
  forget_screen();
  line_.clear();
  cursor_ = 0;
  recalled_ = history_.size();
}

// Shows all rows of the line, so that they can be read above the next prompt.
void LineEditor::finish_line(Typed& typed) {
  cursor_ = line_.size();
  first_row_ = 0;
  typed.screen += draw(std::numeric_limits<std::size_t>::max());
  const Place end = layout().end;
  if (end.row == 0 || end.column > 0) typed.screen += "\r\n";
  forget_screen();
  typed.lines += line_ + '\n';
  const bool is_new = !line_.empty() && (history_.empty() || history_.back() != line_);
  if (is_new && history_.size() == longest_history) history_.erase(history_.begin());
  if (is_new) history_.push_back(line_);
  recalled_ = history_.size();
  line_.clear();
  cursor_ = 0;
}

// --- the line

void LineEditor::insert(std::string_view text) {
  line_.insert(cursor_, text);
  cursor_ += text.size();
}

void LineEditor::move_left() {
  std::size_t before = 0;
  for (std::size_t at = 0; at < cursor_;) {
    before = at;
    at += cluster_size(std::string_view(line_).substr(at));
  }
  cursor_ = before;
}

void LineEditor::move_right() {
  if (cursor_ < line_.size()) cursor_ += cluster_size(std::string_view(line_).substr(cursor_));
}

void LineEditor::erase_left() {
  if (cursor_ == 0) return;
  const std::size_t to = cursor_;
  move_left();
  line_.erase(cursor_, to - cursor_);
}

void LineEditor::erase_right() {
  const std::size_t from = cursor_;
  move_right();
  line_.erase(from, cursor_ - from);
  cursor_ = from;
}

void LineEditor::erase_word_left() {
  const std::size_t end = cursor_;
  while (cursor_ > 0 && line_[cursor_ - 1] == ' ') --cursor_;
  while (cursor_ > 0 && line_[cursor_ - 1] != ' ') --cursor_;
  line_.erase(cursor_, end - cursor_);
}

void LineEditor::recall_earlier() {
  if (recalled_ > 0) recall(recalled_ - 1);
}

void LineEditor::recall_later() {
  if (recalled_ < history_.size()) recall(recalled_ + 1);
}

void LineEditor::recall(std::size_t entry) {
  if (recalled_ == history_.size()) new_line_ = line_;
  recalled_ = entry;
  line_ = entry == history_.size() ? new_line_ : history_[entry];
  cursor_ = line_.size();
}

}  // namespace samples
