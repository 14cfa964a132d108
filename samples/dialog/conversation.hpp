// Two people type to each other, line by line.
#pragma once

#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "reactor/framed.hpp"
#include "reactor/server.hpp"
#include "reactor/stream.hpp"
#include "reactor/timer.hpp"
#include "samples/support/client.hpp"
#include "samples/support/line_input.hpp"
#include "samples/support/paused_lines.hpp"
#include "samples/support/printable.hpp"

namespace dialog {

using reactor::Error;
using reactor::Stream;

// Typing is paused long before this limit: see Conversation::say.
constexpr std::size_t most_queued_bytes = 4 << 20;
constexpr std::size_t most_line_bytes = 1 << 20;

inline bool is_bye(std::string_view line) {
  const std::size_t begin = line.find_first_not_of(" \t\r");
  const std::size_t end = line.find_last_not_of(" \t\r");
  return begin != line.npos && line.substr(begin, end - begin + 1) == "bye";
}

inline void show(std::FILE* out, const std::string& text) {
  std::fprintf(out, "%s\n", text.c_str());
  std::fflush(out);
}

// One connection, until one of the two people types `bye` or ends it.
class Conversation {
 public:
  Conversation(reactor::Loop& loop, Stream stream, samples::LineInput& input,
               reactor::Callback<void(const Error&)> on_over)
      : stream_(std::move(stream)),
        input_(input),
        on_over_(std::move(on_over)),
        unended_(loop, [this] { hear(unended_.take()); }),
        lines_(stream_, samples::PausedLines(unended_),
               [this](std::string_view line) { hear(line); }),
        farewell_(loop, [this] { end(); }) {
    stream_.set_limits(reactor::StreamLimits{.max_queued_bytes = most_queued_bytes,
                                             .discard_timeout = samples::time_for_the_rest});
    lines_.on_end([this] {
      const std::string last = unended_.take();
      if (!last.empty()) hear(last);
      if (!ended_) farewell_.restart(time_for_farewell);
    });
    stream_.on_drained([this] {
      if (!ended_) input_.resume();
    });
    stream_.on_close([this](const Error& error) {
      // A peer that leaves its side open after `bye` has received everything, too.
      const bool complete = ended_ && stream_.queued_bytes() == 0;
      auto call = std::move(on_over_);  // It may destroy this object.
      call(complete ? Error() : error);
    });
  }

  void say(std::string_view line) {
    if (stream_.write(std::string(line) + '\n') == reactor::WriteStatus::above_high_water)
      input_.pause();
    is_bye(line) ? end() : input_.prompt();
  }

  // Ends the conversation when nothing has moved for `timeout`. Returns the time that is left
  // otherwise.
  reactor::Duration end_if_idle(reactor::Duration timeout) {
    const reactor::Duration left = timeout - stream_.quiet_for();
    if (left.count() <= 0) stream_.fail({reactor::idle_too_long(), "talk to", {}, {}});
    return left;
  }

  // Ends this side. The peer may go on.
  void say_no_more() { stream_.shutdown(); }

  void end() {
    ended_ = true;
    input_.pause();
    stream_.close();
  }

 private:
  // After the peer has ended its side, lines that were typed before, as from a file, are still
  // sent.
  static constexpr std::chrono::milliseconds time_for_farewell{500};

  void hear(std::string_view line) {
    if (ended_) return;
    input_.hide();
    show(stdout, samples::printable(line));
    is_bye(line) ? end() : input_.prompt();
  }

  Stream stream_;
  samples::LineInput& input_;
  reactor::Callback<void(const Error&)> on_over_;
  samples::UnendedLine unended_;
  reactor::Framed<samples::PausedLines> lines_;
  reactor::Timer farewell_;
  bool ended_ = false;
};

}  // namespace dialog
