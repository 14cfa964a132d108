#include "reactor/process.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <optional>
#include <utility>

#include "reactor/engine.hpp"
#include "reactor/platform/spawn.hpp"
#include "reactor/platform/sys.hpp"
#include "reactor/signal.hpp"
#include "reactor/socket.hpp"
#include "reactor/unreferenced_handle.hpp"

namespace reactor::inline v0 {
namespace {

using platform::standard_descriptors;

bool holds_nul(const std::string& text) { return text.find('\0') != text.npos; }

bool holds_nul(const Command& command) {
  for (const auto* texts : {&command.arguments, &command.environment}) {
    for (const std::string& text : *texts) {
      if (holds_nul(text)) return true;
    }
  }
  return holds_nul(command.program) || holds_nul(command.directory);
}

// In the form that exec takes; it promises not to change them.
void append(std::vector<char*>& list, const std::vector<std::string>& texts) {
  for (const std::string& text : texts) list.push_back(const_cast<char*>(text.c_str()));
  list.push_back(nullptr);
}

// The two ends of a stream to or from a child.
struct Ends {
  Socket ours;
  Socket childs;  // Blocking, as programs expect it.
};

Result<Ends> open_input() {
  auto pair = socket_pair();
  if (!pair) return Failure(pair.error());
  auto& [ours, childs] = *pair;
  const int flags = sys::fcntl(childs.fd(), F_GETFL, 0);
  const int set = flags < 0 ? flags : sys::fcntl(childs.fd(), F_SETFL, flags & ~O_NONBLOCK);
  if (set < 0) return Failure(system_error(-set, "make blocking", "a socket"));
  return Ends{std::move(ours), std::move(childs)};
}

Result<Ends> open_output() {
  int pair[2];
  if (const int failed = sys::pipe(pair)) return Failure(system_error(-failed, "open pipe"));
  return Ends{Socket::own(pair[0]), Socket::own(pair[1])};
}

// Moves it to a number above the standard ones: giving the child one of those would close another.
Result<Socket> beyond_standard(Socket end) {
  if (end.fd() >= standard_descriptors) return end;
  const int moved = sys::fcntl(end.fd(), F_DUPFD_CLOEXEC, standard_descriptors);
  if (moved < 0) return Failure(system_error(-moved, "duplicate", "a descriptor"));
  return Socket::own(moved);
}

// Waits on the thread pool for the end of a child that was killed, which may take a while.
struct Reaper {
  Reaper(Engine& engine, pid_t child) : id(child), unreferenced(engine) {
    native.data = this;
    sys::queue_work(
        engine.native(), &native,
        [](uv_work_t* work) {
          const pid_t ended = static_cast<Reaper*>(work->data)->id;
          while (waitpid(ended, nullptr, 0) < 0 && errno == EINTR) {
          }
        },
        [](uv_work_t* work, int) { delete static_cast<Reaper*>(work->data); });
  }

  const pid_t id;
  uv_work_t native{};
  UnreferencedHandle unreferenced;
};

}  // namespace

// A child that has ended is reaped only when this is destroyed: until then the kernel gives its
// number to no other process.
struct Process::State final : Source {
  State(Engine& engine, std::string name, Callback<void(ProcessEnd)> callback)
      : Source(engine, Kind::process),
        program(std::move(name)),
        on_exit_callback(std::move(callback)) {}

  [[nodiscard]] Result<void> start(const Command& command) {
    if (holds_nul(command)) return failure(EINVAL);
    platform::Spawn child;
    child.program = program.c_str();
    if (!command.directory.empty()) child.directory = command.directory.c_str();
    const std::array<Standard, standard_descriptors> what = {command.input, command.output,
                                                             command.errors};
    std::array<Socket, standard_descriptors> ends;
    for (int fd = 0; fd < standard_descriptors; ++fd) {
      const auto at = static_cast<std::size_t>(fd);
      if (what[at] == Standard::shared) child.standard[at] = fd;
      if (what[at] != Standard::stream) continue;
      auto pair = fd == STDIN_FILENO ? open_input() : open_output();
      if (!pair) return Failure(pair.error());
      streams[at].emplace(engine().loop(), std::move(pair->ours));
      auto end = beyond_standard(std::move(pair->childs));
      if (!end) return Failure(end.error());
      ends[at] = std::move(*end);
      child.standard[at] = ends[at].fd();
    }

    std::vector<char*> arguments{const_cast<char*>(command.program.c_str())};
    std::vector<char*> environment;
    append(arguments, command.arguments);
    append(environment, command.environment);
    child.arguments = arguments.data();
    child.environment = environment.data();
    if (const int error = platform::spawn(child, id)) return failure(error);

    if (auto watching = watch(); !watching) return watching;
    keep_loop_running(true);
    // The end of a child that does not read its input is noticed by reading from there.
    if (streams[0]) streams[0]->on_data([](Stream::Bytes) {});
    return {};
  }

  // Without process descriptors (Linux before 5.3, valgrind), SIGCHLD may report the end of this
  // child or of any other.
  [[nodiscard]] Result<void> watch() {
    process_fd = platform::open_process(id);
    if (process_fd == -ENOSYS) {
      auto signal = Signal::create(engine().loop(), SIGCHLD, [this] { engine().schedule(*this); });
      if (!signal) return Failure(signal.error());
      child_ended = std::move(*signal);
      engine().schedule(*this);  // It may have ended already.
      return {};
    }
    if (process_fd < 0) return failure(-process_fd);
    const int error = engine().watch(*this, process_fd, Interest::readable, Trigger::level);
    if (error != 0) return failure(-error);
    watched = true;
    return {};
  }

  [[nodiscard]] Failure failure(int error) const {
    return Failure(system_error(error, "start", program));
  }

  void on_ready(unsigned) override { tell_if_ended(); }
  void on_iteration() override { tell_if_ended(); }

  void tell_if_ended() {
    if (!watched && !child_ended) return;
    siginfo_t child{};
    const auto number = static_cast<id_t>(id);
    if (waitid(P_PID, number, &child, WEXITED | WNOWAIT | WNOHANG) == 0 && child.si_pid == 0)
      return;
    stop_watching();
    keep_loop_running(false);
    ProcessEnd end{.status = -1};
    if (child.si_code == CLD_EXITED) end = {.status = child.si_status};
    if (child.si_code == CLD_KILLED || child.si_code == CLD_DUMPED) {
      end = {.signal = child.si_status};
    }
    (void)engine().call(*this, on_exit_callback, end);
  }

  [[nodiscard]] std::string describe() const override {
    return "process " + std::to_string(id) + " (" + program + ")";
  }

  void stop_watching() {
    if (std::exchange(watched, false)) engine().unwatch(*this, process_fd);
    if (process_fd >= 0) sys::close(process_fd);
    process_fd = -1;
    child_ended.reset();
  }

  void unregister() noexcept override {
    for (std::optional<Stream>& stream : streams) stream.reset();
    stop_watching();
    if (id == 0 || engine().forked()) return;
    ::kill(-id, SIGKILL);
    if (waitpid(id, nullptr, WNOHANG) == 0) {
      new Reaper(engine(), id);  // NOLINT(bugprone-unhandled-exception-at-new): no way to go on
    }
  }

  const std::string program;
  pid_t id = 0;
  int process_fd = -1;
  bool watched = false;
  std::optional<Signal> child_ended;
  std::array<std::optional<Stream>, standard_descriptors> streams;
  Callback<void(ProcessEnd)> on_exit_callback;
};

Result<Process> Process::start(Loop& loop, const Command& command,
                               Callback<void(ProcessEnd)> on_exit) {
  Process process(new State(loop.engine(), command.program, std::move(on_exit)));
  if (auto started = process.state_->start(command); !started) return Failure(started.error());
  return process;
}

pid_t Process::id() const { return state_->id; }

Stream& Process::input() { return state_->streams[0].value(); }
Stream& Process::output() { return state_->streams[1].value(); }
Stream& Process::errors() { return state_->streams[2].value(); }

void Process::kill(int signal) {
  if (!state_->engine().forked()) ::kill(-state_->id, signal);
}

}  // namespace reactor
