#include "samples/support/line_input.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string>
#include <utility>

#include "samples/support/failed.hpp"
#include "samples/support/terminal.hpp"

namespace samples {

using reactor::Interest;

LineInput::LineInput(reactor::Loop& loop, reactor::Callback<void(std::string_view)> on_line,
                     reactor::Callback<void()> on_end, std::string prompt_text)
    : on_line_(std::move(on_line)),
      on_end_(std::move(on_end)),
      at_terminal_(isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)),
      can_edit_(terminal::can_edit()),
      editor_(std::move(prompt_text)),
      next_read_(loop, [this] { read(); }) {
  auto watcher = reactor::Watcher::create(loop, STDIN_FILENO, Interest::readable,
                                          [this](reactor::Ready) { read(); });
  if (watcher) {
    watcher_ = std::move(*watcher);
  } else {
    next_read_.restart(std::chrono::nanoseconds(0));
  }
  if (can_edit_) watch_terminal(loop);
  prompt();
}

LineInput::~LineInput() {
  hide();
  set_editing(false);
}

void LineInput::watch_terminal(reactor::Loop& loop) {
  signals_.push_back(value_of(reactor::Signal::create(loop, SIGCONT, [this] { go_on(); })));
  signals_.push_back(value_of(reactor::Signal::create(loop, SIGWINCH, [this] {
    if (editing_) redraw();
  })));
}

// --- the prompt

void LineInput::prompt() {
  prompting_ = at_terminal_ && !ended_;
  if (!prompting_) return;
  if (!can_edit_) return terminal::show(editor_.prompt());
  set_editing(true);
  if (editing_) redraw();
}

void LineInput::hide() {
  if (editing_) terminal::show(editor_.erase());
  terminal::set_rows_below_cursor(0);
}

void LineInput::redraw() {
  const terminal::Size size = terminal::size();
  editor_.resize(size.columns, size.rows);
  if (!std::exchange(hinted_, true) && isatty(STDERR_FILENO)) {
    std::fputs("(Ctrl-C drops a line, Ctrl-D ends, Ctrl-Z suspends)\n", stderr);
  }
  const std::string screen = editor_.redraw();
  terminal::set_rows_below_cursor(editor_.rows_below());  // First: a signal may follow show().
  terminal::show(screen);
}

// Only while a line is typed: at other times Ctrl-C ends the program as usual.
void LineInput::set_editing(bool editing) {
  if (!can_edit_ || editing == editing_) return;
  if (!editing) terminal::end_editing();
  editing_ = editing && terminal::begin_editing();
}

// The process was stopped. The shell, or another program, has used the terminal since.
void LineInput::go_on() {
  if (!prompting_) return;
  if (!std::exchange(went_on_, false)) editor_.forget_screen();
  editing_ = terminal::continue_editing();
  if (editing_) redraw();
}

// --- lines

void LineInput::pause() {
  paused_ = true;
  if (watcher_) watcher_->set_interest(Interest::none);
}

void LineInput::resume() {
  if (!std::exchange(paused_, false) || ended_) return;
  take_lines();
  if (paused_ || ended_) return;
  if (at_end_) return end();
  watcher_ ? watcher_->set_interest(Interest::readable)
           : next_read_.restart(std::chrono::nanoseconds(0));
}

void LineInput::read() {
  std::array<char, 65536> buffer;
  const ssize_t size = ::read(STDIN_FILENO, buffer.data(), buffer.size());
  if (size < 0 && errno == EINTR) return;
  if (size <= 0) return end();
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(size));
  if (editing_) return type(bytes);
  feed(bytes);
  if (!watcher_ && !paused_) next_read_.restart(std::chrono::nanoseconds(0));
}

void LineInput::type(std::string_view keys) {
  went_on_ = false;
  const terminal::Size size = terminal::size();
  editor_.resize(size.columns, size.rows);
  const LineEditor::Typed typed = editor_.type(keys);
  terminal::set_rows_below_cursor(editor_.rows_below());
  terminal::show(typed.screen);
  if (typed.ended || !typed.lines.empty()) {
    set_editing(false);
    prompting_ = false;
  }
  if (typed.suspended) {
    terminal::suspend();
    go_on();
    went_on_ = true;
  }
  feed(typed.lines);
  at_end_ = typed.ended;
  if (at_end_ && !paused_) end();
}

void LineInput::feed(std::string_view bytes) {
  decoder_.feed(protocols::as_bytes(bytes));
  take_lines();
  decoder_.copy_tail();
}

void LineInput::take_lines() {
  while (!paused_) {
    const auto line = decoder_.next();
    if (!line) break;
    on_line_(*line);
  }
  if (decoder_.error()) throw Failed("standard input: a line of more than a megabyte");
}

void LineInput::end() {
  ended_ = true;
  prompting_ = false;
  watcher_.reset();
  const auto rest = decoder_.rest();
  if (!rest.empty()) on_line_(protocols::as_text(rest));
  on_end_();
}

}  // namespace samples
