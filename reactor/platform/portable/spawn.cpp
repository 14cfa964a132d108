// Uses fork and exec. posix_spawn of POSIX.1-2008 can neither close all descriptors of a child, nor
// give it a session, nor change its directory.
#include "reactor/platform/spawn.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace reactor::inline v0::platform {
namespace {

// The paths that may be the program, in the order in which to try them.
std::vector<std::string> candidates(std::string_view program) {
  const bool is_name = !program.empty() && program.find('/') == std::string_view::npos;
  if (!is_name) return {std::string(program)};
  const char* const path = std::getenv("PATH");
  std::string_view folders = path ? path : "/bin:/usr/bin";
  std::vector<std::string> found;
  while (true) {
    const std::string_view folder = folders.substr(0, folders.find(':'));
    found.emplace_back(folder.empty() ? "." : folder).append("/").append(program);
    if (folder.size() == folders.size()) return found;
    folders.remove_prefix(folder.size() + 1);
  }
}

// The following functions run in the child, and call only what POSIX allows there with threads.

void restore_signals() {
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &standard, nullptr);
  sigset_t none;
  sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

bool give(int from, int fd) {
  if (from < 0) {
    from = ::open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY);
    return from >= 0 && (from == fd || ::dup2(from, fd) == fd);
  }
  if (from == fd) return ::fcntl(fd, F_SETFD, 0) == 0;
  return ::dup2(from, fd) == fd;
}

// poll() reports which of many numbers are open: a child may have a million.
void close_all_but(int kept) {
  constexpr int at_once = 256;
  const auto end = static_cast<int>(::sysconf(_SC_OPEN_MAX));
  pollfd numbers[at_once];
  for (int first = standard_descriptors; first < end; first += at_once) {
    const int count = std::min(at_once, end - first);
    for (int i = 0; i < count; ++i) numbers[i] = {first + i, 0, 0};
    const bool known = ::poll(numbers, static_cast<nfds_t>(count), 0) >= 0;
    for (int i = 0; i < count; ++i) {
      const bool open = !known || !(numbers[i].revents & POLLNVAL);
      if (open && first + i != kept) ::close(first + i);
    }
  }
}

// Returns only when it fails, with an errno.
int become(const Spawn& child, const std::vector<std::string>& programs, int report) {
  if (::setsid() < 0) return errno;
  restore_signals();
  if (child.directory && ::chdir(child.directory) != 0) return errno;
  for (int fd = 0; fd < standard_descriptors; ++fd) {
    if (!give(child.standard[static_cast<std::size_t>(fd)], fd)) return errno;
  }
  close_all_but(report);
  int error = ENOENT;
  for (const std::string& program : programs) {
    ::execve(program.c_str(), child.arguments, child.environment);
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) return errno;
    if (error != EACCES) error = errno;
  }
  return error;
}

// Opens a pipe whose ends are no standard descriptors. Returns 0 or -errno.
int open_report(int ends[2]) {
  if (const int error = uv_pipe(ends, 0, 0)) return error;
  const int moved = ::fcntl(ends[1], F_DUPFD_CLOEXEC, standard_descriptors);
  const int error = moved < 0 ? -errno : 0;
  ::close(ends[1]);
  ends[1] = moved;
  if (error) ::close(ends[0]);
  return error;
}

// What the child reports: an errno, or nothing when its program runs.
int read_report(int fd) {
  int error = 0;
  while (::read(fd, &error, sizeof error) < 0 && errno == EINTR) {
  }
  return error;
}

}  // namespace

int spawn(const Spawn& child, pid_t& id) {
  const std::vector<std::string> programs = candidates(child.program);
  int ends[2];
  if (const int failed = open_report(ends)) return -failed;

  // Signal handlers of this process must not run in the child.
  sigset_t all, before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t forked = ::fork();
  if (forked == 0) {
    const int error = become(child, programs, ends[1]);
    [[maybe_unused]] const ssize_t written = ::write(ends[1], &error, sizeof error);
    ::_exit(127);
  }
  const int fork_error = forked < 0 ? errno : 0;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);

  ::close(ends[1]);
  const int error = fork_error ? fork_error : read_report(ends[0]);
  ::close(ends[0]);
  if (error && !fork_error) {
    while (::waitpid(forked, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (!error) id = forked;
  return error;
}

int open_process(pid_t) { return -ENOSYS; }

}  // namespace reactor::platform
