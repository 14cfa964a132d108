// Lines of clients that may not send line ends.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "protocols/lines.hpp"
#include "reactor/callback.hpp"
#include "reactor/loop.hpp"
#include "reactor/timer.hpp"

namespace samples {

/// A line that has no end yet. Calls `on_pause` when it has not grown for half a second, but only
/// if the client has never sent a line end: if it has, a line may just arrive in pieces.
class UnendedLine {
 public:
  explicit UnendedLine(reactor::Loop& loop, reactor::Callback<void()> on_pause = {})
      : on_pause_(std::move(on_pause)), timer_(loop, [this] { on_pause_(); }) {}
  UnendedLine(const UnendedLine&) = delete;
  UnendedLine& operator=(const UnendedLine&) = delete;

  void on_pause(reactor::Callback<void()> on_pause) { on_pause_ = std::move(on_pause); }

  /// Its text, which is empty from now on. Must not be called while the decoder returns lines.
  [[nodiscard]] std::string take() {
    timer_.cancel();
    taken_ = !text_.empty();
    return std::exchange(text_, {});
  }

 private:
  friend class PausedLines;
  static constexpr std::chrono::milliseconds pause{500};

  void set(std::string_view text) {
    text_ = text;
    text_.empty() || ends_lines_ ? timer_.cancel() : timer_.restart(pause);
  }

  reactor::Callback<void()> on_pause_;
  reactor::Timer timer_;
  std::string text_;
  bool ends_lines_ = false;
  bool taken_ = false;
};

/// A decoder of lines that stores an unfinished line in an UnendedLine, to which it refers.
class PausedLines {
 public:
  using Frame = std::string_view;

  PausedLines() = default;
  explicit PausedLines(UnendedLine& unended) : unended_(&unended) {}

  void feed(protocols::Bytes bytes) {
    if (unended_ && std::exchange(unended_->taken_, false)) lines_ = protocols::LineDecoder();
    lines_.feed(bytes);
  }

  [[nodiscard]] std::optional<Frame> next() {
    const auto line = lines_.next();
    if (!unended_) return line;
    if (line) unended_->ends_lines_ = true;
    unended_->set(line || lines_.error() ? std::string_view() : protocols::as_text(lines_.rest()));
    return line;
  }

  void copy_tail() { lines_.copy_tail(); }
  [[nodiscard]] std::error_code error() const { return lines_.error(); }

  /// The last line does not need an end: take it from the UnendedLine.
  [[nodiscard]] bool at_boundary() const { return true; }

 private:
  UnendedLine* unended_ = nullptr;
  protocols::LineDecoder lines_;
};

}  // namespace samples
