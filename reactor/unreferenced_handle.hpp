// Requests and handles of libuv that outlive the handle that made them. Internal.
#pragma once

#include "reactor/engine.hpp"

namespace reactor::inline v0 {

/// While this lives, a request or handle of libuv does not keep the loop running. The handle of
/// this library decides whether run() continues, and it may be gone long before libuv is done.
class UnreferencedHandle {
 public:
  // A standalone loop waits for libuv's handles before it ends. An embedded one does not count
  // them: the application decides how long its own loop runs.
  explicit UnreferencedHandle(Engine& engine)
      : counted_by_(engine.is_embedded() ? nullptr : &engine) {
    if (counted_by_) counted_by_->add_unreferenced_handle(1);
  }
  ~UnreferencedHandle() {
    if (counted_by_) counted_by_->add_unreferenced_handle(-1);
  }
  UnreferencedHandle(const UnreferencedHandle&) = delete;
  UnreferencedHandle& operator=(const UnreferencedHandle&) = delete;

 private:
  Engine* const counted_by_;
};

}  // namespace reactor
