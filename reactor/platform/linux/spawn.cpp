#include "reactor/platform/spawn.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <new>

namespace reactor::inline v0::platform {

#if defined(SYS_pidfd_open) && defined(__GLIBC__)
#if __GLIBC_PREREQ(2, 34)
#define UVREACTOR_HAS_PROCESSES
#endif
#endif

#ifdef UVREACTOR_HAS_PROCESSES

namespace {

// What the child does after its creation and before its program runs, in order.
class SpawnActions {
 public:
  SpawnActions() {
    if (posix_spawn_file_actions_init(&actions_) != 0) throw std::bad_alloc();
  }
  ~SpawnActions() { posix_spawn_file_actions_destroy(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;

  void open_null(int fd) {
    const int access = fd == STDIN_FILENO ? O_RDONLY : O_WRONLY;
    note(posix_spawn_file_actions_addopen(&actions_, fd, "/dev/null", access, 0));
  }
  void duplicate(int from, int to) { note(posix_spawn_file_actions_adddup2(&actions_, from, to)); }
  void close_from(int fd) { note(posix_spawn_file_actions_addclosefrom_np(&actions_, fd)); }
  void change_directory(const char* directory) {
    note(posix_spawn_file_actions_addchdir_np(&actions_, directory));
  }

  /// The errno of the first action that could not be added for lack of memory, or 0.
  [[nodiscard]] int error() const { return error_; }
  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  void note(int error) {
    if (error_ == 0) error_ = error;
  }

  posix_spawn_file_actions_t actions_;
  int error_ = 0;
};

// A session of its own, and no signal blocked or ignored.
class SpawnAttributes {
 public:
  SpawnAttributes() {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    if (posix_spawnattr_init(&attributes_) != 0) throw std::bad_alloc();
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
  }
  ~SpawnAttributes() { posix_spawnattr_destroy(&attributes_); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;

  [[nodiscard]] const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

}  // namespace

int spawn(const Spawn& child, pid_t& id) {
  SpawnActions actions;
  if (child.directory) actions.change_directory(child.directory);
  for (int fd = 0; fd < standard_descriptors; ++fd) {
    const int from = child.standard[static_cast<std::size_t>(fd)];
    // Needed also when both are equal: this clears close-on-exec.
    from < 0 ? actions.open_null(fd) : actions.duplicate(from, fd);
  }
  actions.close_from(standard_descriptors);
  if (actions.error() != 0) return actions.error();
  const SpawnAttributes attributes;
  return posix_spawnp(&id, child.program, actions.get(), attributes.get(), child.arguments,
                      child.environment);
}

int open_process(pid_t id) {
  const auto fd = static_cast<int>(syscall(SYS_pidfd_open, id, 0U));
  return fd < 0 ? -errno : fd;
}

#else

int spawn(const Spawn&, pid_t&) { return ENOTSUP; }
int open_process(pid_t) { return -ENOTSUP; }

#endif

}  // namespace reactor::platform
