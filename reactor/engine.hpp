// The implementation of a Loop. Internal.
//
// The safety of the loop depends on two rules, beside the promises of handle.hpp:
//
//   1. Every call into the user's code goes through call(). It stores what is thrown, sends what
//      was gathered, and returns whether the handle still exists after its callback.
//   2. No callback is called from inside a call that the user made: it is scheduled.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>

#include "reactor/after_fork.hpp"
#include "reactor/calls.hpp"
#include "reactor/duration.hpp"
#include "reactor/iteration.hpp"
#include "reactor/loop_handle.hpp"
#include "reactor/metrics.hpp"
#include "reactor/output_batch.hpp"
#include "reactor/platform/metered.hpp"
#include "reactor/platform/platform.hpp"
#include "reactor/platform/poller.hpp"
#include "reactor/post_queue.hpp"
#include "reactor/source_table.hpp"
#include "reactor/timers.hpp"

namespace reactor::inline v0 {

class AresChannel;
class DatagramBuffers;
class HandshakeShare;
#pragma GCC visibility push(default)
class Loop;
#pragma GCC visibility pop

class Engine {
 public:
  using Nanoseconds = std::int64_t;

  static constexpr std::size_t read_buffer_bytes = OutputBatch::read_buffer_bytes;
  static constexpr std::size_t most_shared_bytes = SourceTable::most_shared_bytes;

  /// Standalone where `application_loop` is null, embedded in that loop otherwise.
  Engine(Loop& loop, uv_loop_s* application_loop, Duration spin);
  ~Engine();

  [[nodiscard]] Loop& loop() const { return loop_; }

  // ---- Running; the loop's part.

  /// Iterates until stop() or, unless `for_ever`, until nothing keeps the loop running.
  void run(bool for_ever);
  /// Runs one iteration; if `wait`, waits until something happens. False when nothing is left to
  /// do.
  bool run_once(bool wait);
  void stop() noexcept;
  void post(PostQueue::Task&& task);
  [[nodiscard]] bool alive() const;
  [[nodiscard]] uv_loop_s* native() const { return &native_; }
  [[nodiscard]] bool is_embedded() const { return embedded_; }
  /// Also true while no thread runs the loop: then any thread may use it, one at a time.
  [[nodiscard]] bool in_loop_thread() const {
    return runs_in(std::this_thread::get_id()) || runs_in(std::thread::id());
  }
  void rethrow() { calls_.rethrow(); }
  /// For a program whose own loop waits instead of this one, from now on.
  [[nodiscard]] int host_descriptor();
  [[nodiscard]] Duration host_timeout();
  /// True in a child that was forked after this was made. The parent continues with what it shares.
  [[nodiscard]] bool forked() const { return forked_; }
  /// From now on, only the iterations, or all that Metrics has.
  const IterationStatistics& measure_iterations();
  void measure();
  [[nodiscard]] Metrics metrics() const;
  /// Any thread.
  [[nodiscard]] std::size_t streams() const { return alive(Kind::stream); }
  void note_queued(std::size_t bytes) { most_queued_bytes_ = std::max(most_queued_bytes_, bytes); }
  void watch_slow_calls(Nanoseconds limit, Calls::OnSlow on_slow) {
    calls_.watch_slow(limit, std::move(on_slow));
  }

  // ---- Calling the user.

  /// Calls `callback` for `handle`. Returns false when the handle is destroyed: then do not use it.
  template <class Callable, class... Arguments>
  [[nodiscard, gnu::always_inline]] bool call(LoopHandle& handle, Callable& callback,
                                              Arguments&&... arguments) {
    return calls_.call(handle, callback, std::forward<Arguments>(arguments)...);
  }

  /// True after something was thrown: stop, and schedule() what remains to be done.
  [[nodiscard]] bool interrupted() const { return calls_.interrupted(); }

  // ---- Registrations, by sources. Results are 0 or -errno.

  int watch(const Source& source, int fd, Interest interest, Trigger trigger) {
    return poller_.add(fd, interest, trigger, source.token());
  }
  int rewatch(const Source& source, int fd, Interest interest, Trigger trigger) {
    return poller_.change(fd, interest, trigger, source.token());
  }
  void unwatch(const Source& source, int fd) { poller_.remove(fd, source.token()); }
  /// For a descriptor owned by the source that is closed next; saves the system call.
  void unwatch_closed(const Source& source, int fd) { poller_.forget(fd, source.token()); }

  /// False where sources have to register level-triggered.
  [[nodiscard]] bool has_edge_trigger() const { return poller_.has_edge_trigger(); }

  void schedule(Source& source);
  [[nodiscard]] Source* find(Token token) const { return sources_.find(token); }

  // ---- Time, as in Timers.

  static Nanoseconds clock() { return Timers::clock(); }
  Nanoseconds now() { return timers_.now(); }
  [[nodiscard]] Nanoseconds wall_now() const;
  [[nodiscard]] const Nanoseconds& iteration_time() const { return timers_.iteration_time(); }
  [[nodiscard]] Nanoseconds known_time_since(Nanoseconds when) {
    return timers_.known_time_since(when);
  }
  [[nodiscard]] Timers& timers() { return timers_; }

  // ---- Buffers shared by all streams of the loop, as in OutputBatch.

  [[nodiscard]] bool in_callback() const { return calls_.output.is_open(); }
  [[nodiscard]] std::byte* read_buffer() const { return calls_.output.read_buffer(); }
  [[nodiscard]] bool gather(Source& source, std::span<const std::byte> bytes) {
    return calls_.output.gather(source, bytes);
  }
  [[nodiscard]] std::span<std::byte> reserve_output(Source& source, std::size_t size) {
    return calls_.output.reserve(source, size);
  }
  [[nodiscard]] bool gather_first(Source& source, std::span<const std::byte> bytes) {
    return calls_.output.gather_first(source, bytes);
  }
  [[nodiscard]] bool gather_in_place(const Source& source, std::span<const std::byte> bytes) {
    return calls_.output.gather_in_place(source, bytes);
  }
  [[nodiscard]] bool gather_itself(Source& source) { return calls_.output.gather_itself(source); }
  [[nodiscard]] std::span<const std::byte> take_gathered(const Source& source) {
    return calls_.output.take(source);
  }

  /// How much a source that has more to do may read, or send of a file, in one iteration.
  [[nodiscard]] std::size_t share_bytes() const { return sources_.share_bytes(); }

  /// What the datagram sockets of the loop share, while there are any; the same for its lookups of
  /// names, and for streams in a handshake.
  std::weak_ptr<DatagramBuffers> datagram_buffers;
  std::weak_ptr<AresChannel> ares_channel;
  std::weak_ptr<HandshakeShare> handshake_share;

  // ---- libuv's handles and requests

  /// Counts handles that must not keep libuv's loop running.
  void add_unreferenced_handle(int count) { unreferenced_handles_ += static_cast<unsigned>(count); }

 private:
  friend class LoopHandle;
  friend class Source;

  /// While a thread runs the loop.
  class Running;

  [[nodiscard]] std::size_t alive(Kind kind) const {
    return alive_[static_cast<std::size_t>(kind)].load(std::memory_order_relaxed);
  }
  void set_alive(Kind kind, std::size_t count) {
    alive_[static_cast<std::size_t>(kind)].store(count, std::memory_order_relaxed);
  }
  [[nodiscard]] bool runs_in(std::thread::id thread) const {
    return thread_.load(std::memory_order_relaxed) == thread;
  }
  void run_iterations();
  void wake_host();
  void embedded_iteration();
  void keep_application_running();
  void finish_natives();
  void detach_from_parent() noexcept;
  void throw_if_forked() const;
  void abort_if_handles_are_left() const;
  [[nodiscard]] platform::Traffic* counted() { return counts_traffic_ ? &traffic_ : nullptr; }

  Loop& loop_;
  const bool embedded_;
  bool hosted_ = false;  // Another program waits for host_descriptor(), and calls run_once().
  bool forked_ = false;
  std::unique_ptr<uv_loop_s, void (*)(uv_loop_s*)> own_native_;
  uv_loop_s& native_;
  platform::Platform* platform_ = platform::replacement;
  const std::unique_ptr<Poller> own_poller_;
  Poller& poller_;
  std::atomic<std::thread::id> thread_;  // The thread that runs the loop, if any.
  Calls calls_;
  SourceTable sources_;
  Timers timers_{poller_};
  PostQueue posted_;
  std::atomic<bool> stopping_ = false;
  Iteration iteration_;
  std::size_t keeping_running_ = 0;
  unsigned unreferenced_handles_ = 0;
  std::unique_ptr<Metrics> metrics_;  // Null while nothing is measured.
  bool counts_traffic_ = false;
  platform::Traffic traffic_;
  std::size_t most_queued_bytes_ = 0;
  std::unordered_map<const LoopHandle*, std::string> names_;
  std::array<std::atomic<std::size_t>, kinds> alive_{};  // Written by the loop's thread only.
  const AfterFork after_fork_{
      [](void* engine) noexcept { static_cast<Engine*>(engine)->detach_from_parent(); }, this};
};

}  // namespace reactor
