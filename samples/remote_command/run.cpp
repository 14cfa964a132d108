#include "samples/remote_command/run.hpp"

#include <algorithm>
#include <csignal>
#include <utility>

namespace remote_command {

using reactor::Stream;

Run::Run(reactor::Loop& loop, reactor::Process process, Clock::time_point began, Limits limits,
         OnOutput on_output, OnDone on_done)
    : began_(began),
      process_(std::move(process)),
      limits_(limits),
      on_output_(std::move(on_output)),
      on_done_(std::move(on_done)) {
  listen_to(process_.output(), Channel::standard_output, outcome_.stdout_bytes);
  listen_to(process_.errors(), Channel::standard_error, outcome_.stderr_bytes);
  if (limits_.timeout.count() == 0) return;
  timeout_ = reactor::Timer::after(loop, limits_.timeout, [this] { stop("timeout"); });
}

void Run::listen_to(Stream& stream, Channel channel, std::uint64_t& size) {
  stream.on_data([this, channel, &size](Stream::Bytes bytes) {
    if (!outcome_.stopped_by.empty()) return;
    const std::uint64_t left =
        limits_.max_output_bytes - outcome_.stdout_bytes - outcome_.stderr_bytes;
    const auto kept = std::min<std::uint64_t>(left, bytes.size());
    size += kept;
    if (kept > 0) on_output_(channel, bytes.first(kept));
    if (kept < bytes.size()) stop("max-output");
  });
  stream.on_close([this](const reactor::Error&) {
    --open_outputs_;
    finish_if_over();
  });
}

void Run::pause() {
  process_.output().pause();
  process_.errors().pause();
}

void Run::resume() {
  process_.output().resume();
  process_.errors().resume();
}

void Run::ended(reactor::ProcessEnd end) {
  ended_ = true;
  outcome_.end = end;
  finish_if_over();
}

void Run::stop(std::string_view reason) {
  if (outcome_.stopped_by.empty()) outcome_.stopped_by = reason;
  process_.kill(SIGKILL);
  finish_if_over();
}

// The outputs of a command that was stopped are not waited for: what has left its group may hold
// them for ever.
void Run::finish_if_over() {
  const bool stopped = !outcome_.stopped_by.empty();
  if (!ended_ || !on_done_ || (open_outputs_ > 0 && !stopped)) return;
  timeout_.reset();
  outcome_.duration = Clock::now() - began_;
  OnDone on_done = std::exchange(on_done_, nullptr);
  on_done(outcome_);  // The end of this object, as a rule.
}

}  // namespace remote_command
