// What has to be done in a forked child, so that it does not disturb its parent. Internal.
#pragma once

#include <mutex>

namespace reactor {

/// Calls a function in each child that the process forks, while this lives.
///
/// Descriptors of epoll sets, pipes and sockets stand for the same objects in both processes. The
/// function gives up what the object shares with the parent process; it runs in the thread that
/// called fork(), which may be another one than the object's.
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

  /// While it is held the process is not forked.
  [[nodiscard]] static std::unique_lock<std::mutex> hold_off();

 private:
  struct Registry;

  const Function in_child_;
  void* const context_;
  AfterFork* previous_ = nullptr;
  AfterFork* next_ = nullptr;
};

}  // namespace reactor
