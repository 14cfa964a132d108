// Every call from the loop into the user's code. Internal.
#pragma once

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "reactor/callback.hpp"
#include "reactor/loop_handle.hpp"
#include "reactor/metrics.hpp"
#include "reactor/output_batch.hpp"
#include "reactor/platform/probes.hpp"

namespace reactor::inline v0 {

/// Stores what a callback throws, sends what the callback wrote, and reports a callback that is
/// slow.
class Calls {
 public:
  using Nanoseconds = std::int64_t;
  using OnSlow = Callback<void(std::string, std::chrono::nanoseconds)>;

  /// Calls `callback` for `handle`. Returns false when the handle is destroyed: then do not use it.
  template <class Callable, class... Arguments>
  [[nodiscard]] bool call(LoopHandle& handle, Callable& callback, Arguments&&... arguments);

  /// Calls a posted task. flush() sends what it writes, together with what other tasks write.
  void run(Callback<void(), 48>& task);
  void flush() { output.flush(); }

  /// True after something was thrown: nothing is called until rethrow().
  [[nodiscard]] bool interrupted() const { return exception_ != nullptr; }
  void interrupt(std::exception_ptr exception) { exception_ = std::move(exception); }
  /// Throws the stored exception; of several the first.
  void rethrow();

  /// Reports callbacks that take `limit` or longer; 0 switches this off.
  void watch_slow(Nanoseconds limit, OnSlow on_slow);
  /// Counts callbacks for `metrics`, from now on.
  void measure(Metrics& metrics);
  /// The task that run() called last has been destroyed.
  void report_slow_task();

  OutputBatch output;

 private:
  template <class Action>
  void attempt(Action&& action) noexcept;
  void keep_exception() noexcept;
  void begin_watch();
  void report_slow(const LoopHandle& handle);
  template <class Describe>
  void end_watch(Describe describe);

  std::exception_ptr exception_;
  bool watching_ = false;  // For slow callbacks, for metrics, or for both.
  Nanoseconds slow_limit_ = 0;
  Metrics* metrics_ = nullptr;
  Nanoseconds began_ = 0;
  std::shared_ptr<OnSlow> on_slow_;  // It may replace itself.
};

template <class Callable, class... Arguments>
[[gnu::always_inline]] inline bool Calls::call(LoopHandle& handle, Callable& callback,
                                               Arguments&&... arguments) {
  if (watching_) [[unlikely]]
    begin_watch();
  ++handle.uses_;
  output.begin();
  probe::callback_begin(&handle);
  attempt([&] { callback(std::forward<Arguments>(arguments)...); });
  probe::callback_end(&handle);
  output.end();
  output.flush();
  if (watching_) [[unlikely]]
    report_slow(handle);
  return handle.end_use();
}

template <class Action>
[[gnu::always_inline]] inline void Calls::attempt(Action&& action) noexcept {
  try {
    action();
  } catch (...) {
    keep_exception();
  }
}

}  // namespace reactor
