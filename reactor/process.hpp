// Child processes: started with only what is named, read through streams, ended as a group.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "reactor/callback.hpp"
#include "reactor/handle.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"
#include "reactor/stream.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// What a standard descriptor of the child is.
enum class Standard : unsigned char {
  null,  ///< /dev/null
  /// The other end of a Stream. Output and errors are pipes, which a child may open again as
  /// /dev/stdout and /dev/stderr. Input is a socket, which it cannot open as /dev/stdin.
  stream,
  shared,  ///< The one of this process.
};

/// What to run.
struct Command {
  /// A path, or a name without a slash that is looked for in this process's PATH.
  std::string program;
  /// The arguments after the first, which is `program`.
  std::vector<std::string> arguments = {};
  /// All of the child's environment, as NAME=VALUE.
  std::vector<std::string> environment = {};
  /// The working directory of the child; if empty, that of this process.
  std::string directory = {};
  Standard input = Standard::null;
  Standard output = Standard::null;
  Standard errors = Standard::null;
};

/// How a process ended: by itself with a status, or by a signal.
struct ProcessEnd {
  int status = 0;  ///< -1 if unknown: this process ignores SIGCHLD, or has waited for the child.
  int signal = 0;  ///< 0 if it ended by itself.

  /// True when it ended by itself with status 0.
  [[nodiscard]] bool succeeded() const { return status == 0 && signal == 0; }
};

/// A child process, owned.
///
///     auto child = Process::start(loop, {.program = "date", .output = Standard::stream},
///                                 [&](ProcessEnd end) { … });
///     child->output().on_data([&](std::span<const std::byte> bytes) { … });
///
/// The child leads a session of its own: no terminal, and a process group to which its own children
/// belong unless they leave it. It inherits what its Command names, and also the user, the limits
/// and the umask. It gets no other descriptor, whether close-on-exec or not, no other environment,
/// and no blocked or ignored signal.
///
/// Its end and the ends of its streams are reported in any order. A stream ends when the last
/// process that has it open is gone, which need not be the child. Closing input(), or shutdown(),
/// is the child's end of file. After output() is closed, a process that writes to it gets SIGPIPE.
///
/// Lifetime  Destroying the Process kills the whole group by SIGKILL and ends the callbacks. If the
///           child has ended already, what is left of its group is killed. In a forked child of
///           this process, neither the destructor nor kill() does anything to the group.
/// Thread    The loop's thread only.
/// Cost      A descriptor, and one for each stream. No memory of this process is copied for the
///           child, however much it has.
class Process {
 public:
  /// Runs `command`. The loop keeps running until `on_exit` was called, which happens once.
  ///
  /// Errors    no_such_file_or_directory, permission_denied: no such program or directory, or no
  ///           right to it; argument_list_too_long; resource_unavailable_try_again: too many
  ///           processes; too_many_files_open; invalid_argument: a text with a NUL;
  ///           operation_not_supported: this system cannot start one as described.
  [[nodiscard]] static Result<Process> start(Loop& loop, const Command& command,
                                             Callback<void(ProcessEnd)> on_exit);

  /// Its process number, which is also its process group number.
  [[nodiscard]] pid_t id() const;

  /// The standard descriptors that the Command makes streams. Set an on_data on those for reading:
  /// without it nothing is read, and a child that writes much waits forever.
  [[nodiscard]] Stream& input();
  [[nodiscard]] Stream& output();
  [[nodiscard]] Stream& errors();

  /// Sends a signal to the whole group, also when the child itself has ended: the processes that it
  /// left behind get it. Safe at any time: no other group gets this number before the Process is
  /// destroyed.
  void kill(int signal);

 private:
  struct [[gnu::visibility("hidden")]] State;

  explicit Process(Handle<State> state) : state_(std::move(state)) {}

  Handle<State> state_;
};

}  // namespace reactor
#pragma GCC visibility pop
