// Edits the line that is typed at a terminal, with a history of earlier lines.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace samples {

/// Converts keys into lines and shows the line that is edited, on as many rows as it takes. If it
/// takes more rows than the screen has, the rows around the cursor are shown.
///
/// Left, Right, Home, End, Delete, Backspace, and Ctrl-A, -B, -D, -E, -F, -H, -K, -L, -U, -W do
/// what they do in shells; Up, Down, Ctrl-P and Ctrl-N recall earlier lines. Ctrl-C drops the line,
/// Ctrl-D in an empty line ends the input, Ctrl-Z requests to suspend the program. The cursor moves
/// over what a person sees as one character: combining marks and emoji sequences stay whole. Does
/// no input or output.
class LineEditor {
 public:
  explicit LineEditor(std::string prompt) : prompt_(std::move(prompt)) {}

  struct Typed {
    std::string screen;  ///< For the terminal to show; after a line the caller prompts.
    std::string lines;   ///< The finished lines, each with its line end.
    bool ended = false;
    bool suspended = false;  ///< Ctrl-Z was typed: `screen` leads below the line.
  };

  /// The screen's size; 80 × 24 before the first call.
  void resize(std::size_t columns, std::size_t rows);

  /// Takes what the terminal sent, a key of one or several bytes.
  [[nodiscard]] Typed type(std::string_view bytes);

  /// Shows prompt, line and cursor, over the shown ones or from the start of the cursor's row.
  [[nodiscard]] std::string redraw();

  /// Erases prompt and line; the cursor is then where the prompt began.
  [[nodiscard]] std::string erase();

  /// To be called after other output: redraw() begins in the cursor's row.
  void forget_screen() { rows_above_ = rows_below_ = 0; }

  /// The rows of the line below the cursor's.
  [[nodiscard]] std::size_t rows_below() const { return rows_below_; }

  [[nodiscard]] const std::string& prompt() const { return prompt_; }

 private:
  struct Place {
    std::size_t row = 0;
    std::size_t column = 0;
  };
  struct Layout {
    std::vector<std::string> rows;
    Place cursor;
    Place end;
  };

  [[nodiscard]] Layout layout() const;
  [[nodiscard]] std::string draw(std::size_t max_rows);
  [[nodiscard]] std::string move_below();

  void take(char byte, Typed& typed);
  void take_key(char key, Typed& typed);
  bool take_in_sequence(char key);
  void take_sequence(char final);
  void take_text(char byte);
  void drop_line(Typed& typed);
  void finish_line(Typed& typed);
  void insert(std::string_view text);
  void move_left();
  void move_right();
  void erase_left();
  void erase_right();
  void erase_word_left();
  void recall_earlier();
  void recall_later();
  void recall(std::size_t entry);

  const std::string prompt_;
  std::string line_;
  std::size_t cursor_ = 0;  // The index of the byte behind it.
  std::string sequence_;    // What has arrived of an escape sequence.
  std::string character_;   // What has arrived of a character.
  std::vector<std::string> history_;
  std::size_t recalled_ = 0;  // The index of the edited line; history_.size(): a new line.
  std::string new_line_;

  std::size_t columns_ = 80;
  std::size_t screen_rows_ = 24;
  std::size_t first_row_ = 0;   // The first row of the line that is on the screen.
  std::size_t rows_above_ = 0;  // Rows of the line on the screen above the cursor.
  std::size_t rows_below_ = 0;
};

}  // namespace samples
