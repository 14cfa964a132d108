// A line as it is typed at a terminal, with those that were typed before.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace samples {

/// Turns keys into lines: arrows move in the line and through the history, Home, End, Delete and
/// Backspace do what they say, Ctrl-A, -E, -K and -U what they do in shells; Ctrl-C drops the line, and
/// Ctrl-D in an empty one ends the input. Does no input or output. A line longer than the terminal is
/// wide is not shown well.
class LineEditor {
 public:
  explicit LineEditor(std::string prompt) : prompt_(std::move(prompt)) {}

  struct Typed {
    std::string screen;  ///< What the terminal is to show; behind a line the next prompt is yours.
    std::string lines;   ///< Those that were finished, each with its end.
    bool ended = false;
  };

  /// Takes what the terminal sent, one byte a key or several.
  [[nodiscard]] Typed type(std::string_view bytes);

  /// Prompt, line and cursor, over whatever stands in the terminal's line.
  [[nodiscard]] std::string redraw() const;

  [[nodiscard]] const std::string& prompt() const { return prompt_; }

 private:
  void take(char key, Typed& typed);
  void take_sequence(char final);
  void finish_line(Typed& typed);
  void insert(char byte);
  void move_left();
  void move_right();
  void erase_right();
  void recall(std::size_t entry);

  const std::string prompt_;
  std::string line_;
  std::size_t cursor_ = 0;  // Before which byte of it.
  std::string sequence_;    // Of an escape sequence, what has come.
  std::vector<std::string> history_;
  std::size_t recalled_ = 0;  // Which of them is edited; the last plus one: a new line.
  std::string new_line_;
};

}  // namespace samples
