// Runs one command, passes on its output, and ends it when it exceeds a limit.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "reactor/callback.hpp"
#include "reactor/loop.hpp"
#include "reactor/process.hpp"
#include "reactor/stream.hpp"
#include "reactor/timer.hpp"

namespace remote_command {

struct Limits {
  std::chrono::nanoseconds timeout{0};  ///< Zero: none.
  std::uint64_t max_output_bytes = 0;   ///< Of both outputs together.
};

/// What is reported when the command is over.
struct Outcome {
  reactor::ProcessEnd end;
  std::string_view stopped_by;  ///< Empty if it ended by itself, with all that it started.
  std::uint64_t stdout_bytes = 0;
  std::uint64_t stderr_bytes = 0;
  std::chrono::nanoseconds duration{0};
};

/// Lifetime  Destroying the Run ends the command with all that it has started.
class Run {
 public:
  enum class Channel : unsigned char { standard_output, standard_error };
  using Clock = std::chrono::steady_clock;
  using OnOutput = reactor::Callback<void(Channel, reactor::Stream::Bytes)>;
  using OnDone = reactor::Callback<void(const Outcome&)>;

  /// Takes over a process that was started with both outputs as streams and reports its end to
  /// ended(). `on_done` is called last, when the command and its outputs have ended: background
  /// processes of the command may hold them open up to the timeout. Processes of its group that
  /// still run half a second later are killed, and the outcome reports that.
  ///
  /// `began` is a time before the start of the process, which takes a while.
  Run(reactor::Loop& loop, reactor::Process process, Clock::time_point began, Limits limits,
      OnOutput on_output, OnDone on_done);
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  void ended(reactor::ProcessEnd end);

  /// Blocks the command when it writes, until resume().
  void pause();
  void resume();

 private:
  void listen_to(reactor::Stream& stream, Channel channel, std::uint64_t& size);
  void stop(std::string_view reason);
  void finish_if_over();
  [[nodiscard]] bool left_processes() const;

  reactor::Timer look_again_;  // To check whether remaining processes have ended.
  const Clock::time_point began_;
  reactor::Process process_;
  const Limits limits_;
  OnOutput on_output_;
  OnDone on_done_;
  Outcome outcome_;
  bool ended_ = false;
  int open_outputs_ = 2;
  std::optional<reactor::Timer> timeout_;
};

}  // namespace remote_command
