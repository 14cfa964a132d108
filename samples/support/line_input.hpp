// Lines from standard input on the event loop: typed at a terminal, piped, or from a file.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/lines.hpp"
#include "reactor/callback.hpp"
#include "reactor/loop.hpp"
#include "reactor/signal.hpp"
#include "reactor/timer.hpp"
#include "reactor/watcher.hpp"
#include "samples/support/line_editor.hpp"

namespace samples {

/// Calls `on_line` for each line, the last one also when no line end follows it, and then `on_end`.
/// Where standard input and output are a terminal it shows a prompt, now and whenever prompt() is
/// called; until the line is finished it can be edited then, with the history of those before.
///
/// Ctrl-Z and SIGCONT, and a change of the window's size, show the line again. The terminal is as
/// it was found whenever the process stops or ends, also by a signal.
class LineInput {
 public:
  LineInput(reactor::Loop& loop, reactor::Callback<void(std::string_view)> on_line,
            reactor::Callback<void()> on_end, std::string prompt_text = "> ");
  LineInput(const LineInput&) = delete;
  LineInput& operator=(const LineInput&) = delete;
  ~LineInput();

  /// Shows the prompt, with what is typed of the next line.
  void prompt();

  /// Makes room for output, which begins where the prompt began. prompt() shows the line again.
  void hide();

  /// Reads no more until resume().
  void pause();
  void resume();

 private:
  void watch_terminal(reactor::Loop& loop);
  void read();
  void type(std::string_view keys);
  void feed(std::string_view bytes);
  void take_lines();
  void end();
  void set_editing(bool editing);
  void go_on();
  void redraw();

  reactor::Callback<void(std::string_view)> on_line_;
  reactor::Callback<void()> on_end_;
  const bool at_terminal_;
  const bool can_edit_;
  bool editing_ = false;    // Until then the terminal is as it was found.
  bool prompting_ = false;  // A prompt is wanted: the terminal may refuse it, in the background.
  bool went_on_ = false;    // After Ctrl-Z, and no SIGCONT nor key has come since.
  bool hinted_ = false;
  LineEditor editor_;
  protocols::LineDecoder decoder_{protocols::Lines{.max_line_bytes = std::size_t{1} << 20}};
  std::optional<reactor::Watcher> watcher_;
  std::vector<reactor::Signal> signals_;
  reactor::Timer next_read_;  // Of a file, which is always ready and cannot be watched.
  bool paused_ = false;
  bool at_end_ = false;  // That is to be told behind the lines before it.
  bool ended_ = false;
};

}  // namespace samples
