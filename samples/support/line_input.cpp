#include "support/line_input.hpp"

#include <unistd.h>

#include <array>
#include <cstdio>
#include <utility>

#include "support/program.hpp"

namespace samples {

using reactor::Interest;

LineInput::LineInput(reactor::Loop& loop, reactor::Callback<void(std::string_view)> on_line,
                     reactor::Callback<void()> on_end, std::string prompt_text)
    : on_line_(std::move(on_line)),
      on_end_(std::move(on_end)),
      prompt_(std::move(prompt_text)),
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

void LineInput::prompt() const {
  if (!isatty(STDIN_FILENO) || ended_) return;
  std::fputs(prompt_.c_str(), stdout);
  std::fflush(stdout);
}

void LineInput::pause() {
  paused_ = true;
  if (watcher_) watcher_->set_interest(Interest::none);
}

void LineInput::resume() {
  if (!std::exchange(paused_, false) || ended_) return;
  take_lines();
  if (paused_ || ended_) return;
  watcher_ ? watcher_->set_interest(Interest::readable)
           : next_read_.restart(std::chrono::nanoseconds(0));
}

void LineInput::read() {
  std::array<std::byte, 65536> buffer;
  const ssize_t size = ::read(STDIN_FILENO, buffer.data(), buffer.size());
  if (size <= 0) return end();
  decoder_.feed(std::span(buffer).first(static_cast<std::size_t>(size)));
  take_lines();
  decoder_.retain();
  if (!watcher_ && !paused_) next_read_.restart(std::chrono::nanoseconds(0));
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
