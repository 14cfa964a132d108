#include "samples/support/line_input.hpp"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "samples/support/failed.hpp"

namespace samples {

using reactor::Interest;

namespace {

bool terminal_can_move_its_cursor() {
  const char* const kind = std::getenv("TERM");
  return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && kind && std::string_view(kind) != "dumb";
}

void show(const std::string& text) {
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace

LineInput::LineInput(reactor::Loop& loop, reactor::Callback<void(std::string_view)> on_line,
                     reactor::Callback<void()> on_end, std::string prompt_text)
    : on_line_(std::move(on_line)),
      on_end_(std::move(on_end)),
      at_terminal_(isatty(STDIN_FILENO)),
      can_edit_(terminal_can_move_its_cursor()),
      editor_(std::move(prompt_text)),
      next_read_(loop, [this] { read(); }) {
  auto watcher = reactor::Watcher::create(loop, STDIN_FILENO, Interest::readable,
                                          [this](reactor::Ready) { read(); });
  if (watcher) {
    watcher_ = std::move(*watcher);
  } else {
    next_read_.restart(std::chrono::nanoseconds(0));
  }
  prompt();
}

LineInput::~LineInput() { set_editing(false); }

void LineInput::prompt() {
  if (!at_terminal_ || ended_) return;
  set_editing(true);
  show(editing_ ? editor_.redraw() : editor_.prompt());
}

// Only while a line is typed: what runs meanwhile is stopped by Ctrl-C as ever.
void LineInput::set_editing(bool editing) {
  if (!can_edit_ || editing == editing_) return;
  if (editing && tcgetattr(STDIN_FILENO, &terminal_) != 0) return;
  editing_ = editing;
  termios wanted = terminal_;
  if (editing) wanted.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
  tcsetattr(STDIN_FILENO, TCSADRAIN, &wanted);
}

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
  if (size <= 0) return end();
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(size));
  if (editing_) return type(bytes);
  feed(bytes);
  if (!watcher_ && !paused_) next_read_.restart(std::chrono::nanoseconds(0));
}

void LineInput::type(std::string_view keys) {
  const LineEditor::Typed typed = editor_.type(keys);
  if (typed.ended || !typed.lines.empty()) set_editing(false);
  show(typed.screen);
  feed(typed.lines);
  at_end_ = typed.ended;
  if (at_end_ && !paused_) end();
}

void LineInput::feed(std::string_view bytes) {
  decoder_.feed(protocols::as_bytes(bytes));
  take_lines();
  decoder_.retain();
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
  watcher_.reset();
  const auto rest = decoder_.rest();
  if (!rest.empty()) on_line_(protocols::as_text(rest));
  on_end_();
}

}  // namespace samples
