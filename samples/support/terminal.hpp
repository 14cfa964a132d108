// The terminal's modes while a line is edited, restored when a signal ends the process.
#pragma once

#include <cstddef>
#include <string_view>

namespace samples::terminal {

struct Size {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

/// True when standard input and output are a terminal that can move its cursor.
[[nodiscard]] bool can_edit();

/// The current size.
[[nodiscard]] Size size();

/// The terminal then sends each key as it is typed, control keys too, and shows none. A signal that
/// ends or stops the process restores the modes first, unless the program handles that signal
/// itself. False if the terminal cannot be changed, as by a process in the background.
bool begin_editing();

/// As begin_editing(), after the process was stopped and continues. If the modes for editing are
/// still set, they stay set: a key that is typed meanwhile is not lost.
bool continue_editing();

/// Restores the modes from before begin_editing().
void end_editing();

/// How many rows of the line are below the cursor. The output after a signal begins below them.
void set_rows_below_cursor(std::size_t rows);

/// Stops the process group as Ctrl-Z does. Returns when the process continues, or immediately if
/// nothing can continue it; the modes are then those before begin_editing().
void suspend();

/// Writes to standard output, without delay.
void show(std::string_view text);

}  // namespace samples::terminal
