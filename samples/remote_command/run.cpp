#include "samples/remote_command/run.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>
#include <utility>

namespace remote_command {

using reactor::Stream;

namespace {

// Commands have a lower priority than the server. To start one, the server waits until the kernel
// has scheduled the new process; with many commands of equal priority that would take long.
constexpr int niceness = 10;

// A process that has closed its outputs may be about to end, as coreutils do at their exit.
constexpr std::chrono::milliseconds time_to_end(500);
constexpr std::chrono::milliseconds time_between_looks(10);

// True if this is the folder in /proc of a running process of the group. A process that is exiting
// may have closed its files and not be a zombie yet: it does not count.
bool runs_in_group(const std::filesystem::path& folder, pid_t group) {
  constexpr unsigned long exiting = 0x4;  // PF_EXITING of the kernel's include/linux/sched.h.
  const std::string name = folder.filename();
  if (name.find_first_not_of("0123456789") != name.npos) return false;
  // Nothing is read of all other processes: there may be thousands.
  if (getpgid(static_cast<pid_t>(std::strtol(name.c_str(), nullptr, 10))) != group) return false;
  std::ifstream file(folder / "stat");
  std::string line;
  std::getline(file, line);
  const std::size_t behind_name = line.rfind(')');  // The name may contain blanks and parentheses.
  if (behind_name == line.npos) return false;
  std::istringstream fields(line.substr(behind_name + 1));
  char state = 0;
  pid_t parent = 0;
  pid_t its_group = 0;
  pid_t session = 0;
  int terminal = 0;
  pid_t foreground = 0;
  unsigned long flags = 0;
  fields >> state >> parent >> its_group >> session >> terminal >> foreground >> flags;
  return fields && its_group == group && state != 'Z' && state != 'X' && (flags & exiting) == 0;
}

}  // namespace

Run::Run(reactor::Loop& loop, reactor::Process process, Clock::time_point began, Limits limits,
         OnOutput on_output, OnDone on_done)
    : look_again_(loop, [this] { finish_if_over(); }),
      began_(began),
      process_(std::move(process)),
      limits_(limits),
      on_output_(std::move(on_output)),
      on_done_(std::move(on_done)) {
  setpriority(PRIO_PGRP, static_cast<id_t>(process_.id()), niceness);
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
  stream.on_close([this](const reactor::Error& error) {
    --open_outputs_;
    if (error) return stop("read-error");
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

// A stopped command does not wait for its outputs: a process that has left the group may hold them
// open for ever.
void Run::finish_if_over() {
  const bool stopped = !outcome_.stopped_by.empty();
  if (!ended_ || !on_done_ || (open_outputs_ > 0 && !stopped)) return;
  const auto now = Clock::now();
  if (outcome_.duration.count() == 0) outcome_.duration = now - began_;
  if (!stopped && left_processes()) {
    if (now - began_ < outcome_.duration + time_to_end)
      return look_again_.restart(time_between_looks);
    outcome_.stopped_by = "left-processes";
  }
  timeout_.reset();
  OnDone on_done = std::exchange(on_done_, nullptr);
  on_done(outcome_);  // Usually destroys this object.
}

// The group always exists: the ended process is in it until the Process is destroyed.
bool Run::left_processes() const {
  std::error_code error;
  auto folder = std::filesystem::directory_iterator("/proc", error);
  for (; !error && folder != std::filesystem::directory_iterator(); folder.increment(error)) {
    if (runs_in_group(folder->path(), process_.id())) return true;
  }
  return false;
}

}  // namespace remote_command
