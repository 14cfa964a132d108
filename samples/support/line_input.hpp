// Reads lines from standard input on the event loop: typed at a terminal, piped, or from a file.
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

/// Calls `on_line` for each line, also for a last line without a line end, and then `on_end`. If
/// standard input and output are a terminal it shows a prompt, now and at each call of prompt().
/// The user can then edit the line until it is finished, with the history of earlier lines.
///
/// After Ctrl-Z and SIGCONT, and after a change of the window's size, it shows the line again. The
/// terminal has its original modes whenever the process stops or ends, also by a signal.
class LineInput {
 public:
  LineInput(reactor::Loop& loop, reactor::Callback<void(std::string_view)> on_line,
            reactor::Callback<void()> on_end, std::string prompt_text = "> ");
  LineInput(const LineInput&) = delete;
  LineInput& operator=(const LineInput&) = delete;
  ~LineInput();

  /// Shows the prompt, and what is already typed of the next line.
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
  bool editing_ = false;    // While false the terminal has its original modes.
  bool prompting_ = false;  // A prompt is wanted: the terminal may refuse it, in the background.
  bool went_on_ = false;    // After Ctrl-Z, without a SIGCONT or a key since.
  bool hinted_ = false;
  LineEditor editor_;
  protocols::LineDecoder decoder_{protocols::Lines{.max_line_bytes = std::size_t{1} << 20}};
  std::optional<reactor::Watcher> watcher_;
  std::vector<reactor::Signal> signals_;
  reactor::Timer next_read_;  // Of a file, which is always ready and cannot be watched.
  bool paused_ = false;
  bool at_end_ = false;  // on_end is still to be called, after the lines before it.
  bool ended_ = false;
};

}  // namespace samples
