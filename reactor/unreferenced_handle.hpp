// Requests and handles of libuv that outlive the handle of ours that made them. Internal.
#pragma once

#include "reactor/engine.hpp"

namespace reactor {

/// Keeps a request or handle of libuv from keeping the loop running, for as long as this lives:
/// whether run() goes on is said by our own handle, which may be gone long before libuv is done.
class UnreferencedHandle {
 public:
  // A standalone loop waits for its natives before it goes; an embedded one does not count them:
  // how long the application's loop runs is the application's business.
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
