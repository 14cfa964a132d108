// Lines from standard input on the event loop: typed at a terminal, piped, or from a file.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocols/lines.hpp"
#include "reactor/callback.hpp"
#include "reactor/loop.hpp"
#include "reactor/timer.hpp"
#include "reactor/watcher.hpp"

namespace samples {

/// Calls `on_line` for each line, the last one also when no line end follows it, and then `on_end`.
/// At a terminal it shows a prompt, now and whenever prompt() is called.
class LineInput {
 public:
  LineInput(reactor::Loop& loop, reactor::Callback<void(std::string_view)> on_line,
            reactor::Callback<void()> on_end, std::string prompt_text = "> ");
  LineInput(const LineInput&) = delete;
  LineInput& operator=(const LineInput&) = delete;

  void prompt() const;

  /// Reads no more until resume().
  void pause();
  void resume();

 private:
  void read();
  void take_lines();
  void end();

  reactor::Callback<void(std::string_view)> on_line_;
  reactor::Callback<void()> on_end_;
  const std::string prompt_;
  protocols::LineDecoder decoder_{protocols::Lines{.max_line_bytes = std::size_t{1} << 20}};
  std::optional<reactor::Watcher> watcher_;
  reactor::Timer next_read_;  // Of a file, which is always ready and cannot be watched.
  bool paused_ = false;
  bool ended_ = false;
};

}  // namespace samples
