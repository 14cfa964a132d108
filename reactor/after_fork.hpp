// Work that must be done in a forked child so that it does not disturb its parent. Internal.
#pragma once

#include <mutex>

namespace reactor::inline v0 {

/// Calls a function in each child that the process forks, while this lives.
///
/// Descriptors of epoll sets, pipes and sockets refer to the same objects in both processes. The
/// function gives up what the object shares with the parent process. It runs in the thread that
/// called fork(), which need not be the object's thread.
///
/// Thread    Any.
class AfterFork {
 public:
  using Function = void (*)(void* context) noexcept;

  /// Throws    std::system_error when there is no memory.
  AfterFork(Function in_child, void* context);
  ~AfterFork();
  AfterFork(const AfterFork&) = delete;
  AfterFork& operator=(const AfterFork&) = delete;

  /// The process is not forked while the lock is held.
  [[nodiscard]] static std::unique_lock<std::mutex> hold_off();

 private:
  struct Registry;

  const Function in_child_;
  void* const context_;
  AfterFork* previous_ = nullptr;
  AfterFork* next_ = nullptr;
};

}  // namespace reactor
