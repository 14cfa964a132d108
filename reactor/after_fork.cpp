#include "reactor/after_fork.hpp"

#include <pthread.h>

#include <csignal>
#include <system_error>

namespace reactor::inline v0 {

// The mutex is held from before the fork until after it, in both processes. So the list is
// consistent in the child, and so is libuv's list of signals.
struct AfterFork::Registry {
  Registry() {
    if (const int error = pthread_atfork(prepare, in_parent, in_child)) {
      throw std::system_error(error, std::generic_category(), "pthread_atfork");
    }
  }

  // Never destroyed: handles may be destroyed after any static object.
  static Registry& instance() {
    static auto* const registry = new Registry;
    return *registry;
  }

  static void prepare() {
    Registry& registry = instance();
    registry.mutex.lock();
    // A signal that the child receives immediately must not reach the pipe of the parent.
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &registry.mask);
  }

  static void in_parent() {
    Registry& registry = instance();
    pthread_sigmask(SIG_SETMASK, &registry.mask, nullptr);
    registry.mutex.unlock();
  }

  static void in_child() {
    for (AfterFork* entry = instance().first; entry; entry = entry->next_) {
      entry->in_child_(entry->context_);
    }
    in_parent();
  }

  std::mutex mutex;
  AfterFork* first = nullptr;
  sigset_t mask{};
};

AfterFork::AfterFork(Function in_child, void* context) : in_child_(in_child), context_(context) {
  Registry& registry = Registry::instance();
  const std::lock_guard lock(registry.mutex);
  next_ = registry.first;
  if (next_) next_->previous_ = this;
  registry.first = this;
}

AfterFork::~AfterFork() {
  Registry& registry = Registry::instance();
  const std::lock_guard lock(registry.mutex);
  if (next_) next_->previous_ = previous_;
  (previous_ ? previous_->next_ : registry.first) = next_;
}

std::unique_lock<std::mutex> AfterFork::hold_off() {
  return std::unique_lock(Registry::instance().mutex);
}

}  // namespace reactor
