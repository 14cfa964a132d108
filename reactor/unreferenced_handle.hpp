// Requests and handles of libuv that outlive the handle of ours that made them. Internal.
#pragma once

#include "reactor/engine.hpp"

namespace reactor {

/// Keeps a request or handle of libuv from keeping the loop running, for as long as this lives:
/// whether run() goes on is said by our own handle, which may be gone long before libuv is done.
class UnreferencedHandle {
 public:
  // A host waits for its natives before it goes; a guest does not, and does not count them either:
  // how long the application's loop runs is the application's business.
  explicit UnreferencedHandle(Engine& engine) : host_(engine.is_guest() ? nullptr : &engine) {
    if (host_) host_->add_unreferenced_handle(1);
  }
  ~UnreferencedHandle() {
    if (host_) host_->add_unreferenced_handle(-1);
  }
  UnreferencedHandle(const UnreferencedHandle&) = delete;
  UnreferencedHandle& operator=(const UnreferencedHandle&) = delete;

 private:
  Engine* const host_;
};

}  // namespace reactor
