// How long libuv's loop may sleep, for pollers that wait in its place. Internal.
#pragma once

#include <uv.h>  // tidy-ok: not installed, and of a few instructions for each iteration

#include <cstring>

namespace reactor::inline v0::platform {

/// Whether libuv has handles that are not yet in its backend descriptor: it adds them when it runs.
/// Its list of them is a ring that begins with a pointer to the next. The type of this pointer
/// depends on the version.
inline bool has_new_handles(const uv_loop_t& loop) {
  const void* next = nullptr;
  std::memcpy(&next, &loop.watcher_queue, sizeof next);
  return next != &loop.watcher_queue;
}

/// Milliseconds, negative without limit: libuv has to run after this time, or earlier when its
/// backend descriptor is ready.
inline int native_timeout(uv_loop_t& loop) {
  // With nothing active, libuv runs only to close handles, and does not add new ones.
  if (loop.active_handles + loop.active_reqs.count == 0) return uv_loop_alive(&loop) ? 0 : -1;
  if (has_new_handles(loop)) return 0;
  const int timeout = uv_backend_timeout(&loop);
  if (timeout <= 0) [[likely]]
    return timeout;
  // libuv computes the timeout from the time of its last run, which may be long ago.
  uv_update_time(&loop);
  return uv_backend_timeout(&loop);
}

}  // namespace reactor::platform
