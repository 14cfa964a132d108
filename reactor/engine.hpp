// The readiness engine: it turns what the poller found into callbacks. Internal.
//
// A turn of the loop: wait; call the sources that are ready; run what was posted; fire the timers
// that are due; call the sources that asked for another go; let libuv run. What stands behind a
// public handle is a LoopHandle; one with a descriptor is a Source. handle.hpp keeps the promises
// about lifetime; two rules more:
//
//   1. Every call into the user's code goes through call(). It keeps what is thrown, sends what was
//      gathered, and tells whether the handle survived its own callback.
//   2. Nothing is called back from inside a call that the user made: it is scheduled.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "reactor/after_fork.hpp"
#include "reactor/callback.hpp"
#include "reactor/duration.hpp"
#include "reactor/handle.hpp"
#include "reactor/platform/platform.hpp"
#include "reactor/platform/poller.hpp"
#include "reactor/timer_wheel.hpp"

namespace reactor {

using platform::Event;
using platform::Happened;
using platform::Poller;
using platform::Token;

class DatagramBuffers;
class Engine;
class Loop;
struct TurnStatistics;

/// What a handle is, for the texts that name it.
enum class Kind : unsigned char {
  watcher,
  wait_any,
  timer,
  deadline,
  signal,
  query,
  work,
  listener,
  stream,
  datagram,
  process,
};
inline constexpr std::size_t kinds = 11;

/// The state of a handle that belongs to a loop. It decides itself whether it keeps the loop
/// running.
class LoopHandle : public HandleState {
 public:
  [[nodiscard]] Engine& engine() const { return engine_; }

  /// For the watchdog: "stream 127.0.0.1:9000 from 127.0.0.1:40112".
  [[nodiscard]] virtual std::string describe() const;

  /// Whether run() goes on for the sake of this handle; false to begin with.
  void keep_loop_running(bool keep);

 protected:
  LoopHandle(Engine& engine, Kind kind);
  ~LoopHandle() override;

 private:
  /// Ends whatever could lead to another callback; called once.
  virtual void unregister() noexcept = 0;
  void on_retired() noexcept final;

  const Kind kind_;
  bool keeps_loop_running_ = false;
  Engine& engine_;
};

/// A LoopHandle that the engine can find by token: it has a descriptor, or takes part in turns.
class Source : public LoopHandle {
 public:
  [[nodiscard]] Token token() const { return token_; }

  virtual void on_ready(unsigned happened) = 0;

  /// Called in this turn or the next, once for any number of schedule().
  virtual void on_turn() {}

  /// Called when sending what gather() collected did not send all, with the result of send(); and
  /// where the source said gather_itself(), to send.
  virtual void on_gathered(std::ptrdiff_t, std::span<const std::byte>) {}

 protected:
  Source(Engine& engine, Kind kind);
  ~Source() override;

  /// The turn in which bytes were last received or sent. Negative before the first: then the time
  /// at which the source was made.
  std::int64_t moved_at_ = 0;

 private:
  friend class Engine;
  Token token_;
  bool scheduled_ = false;
};

/// Something that expires. Shares the tick of the wheel: 65.5 microseconds.
class Expiring : public LoopHandle, protected TimerWheel::Node {
 public:
  using Nanoseconds = std::int64_t;

  virtual void on_expired() = 0;

  /// Calls on_expired() once the steady clock has reached `when`, never earlier.
  void expire_at(Nanoseconds when);
  void cancel();
  [[nodiscard]] bool armed() const { return linked(); }

 protected:
  using LoopHandle::LoopHandle;
  /// Whether on_expired() comes as early as expire_at(when) would have it.
  [[nodiscard]] bool expires_by(Nanoseconds when) const;

 private:
  friend class Engine;
};

/// What a turn has taken upon itself to do. It may be interrupted, and go on in the next.
template <class T>
class Round {
 public:
  [[nodiscard]] bool empty() const { return items_.empty(); }
  void refill(std::vector<T>& from) { items_.swap(from); }
  [[nodiscard]] T& front() { return items_[done_]; }
  void pop() {
    items_[done_++] = T();
    if (done_ < items_.size()) return;
    items_.clear();
    done_ = 0;
  }

 private:
  std::vector<T> items_;
  std::size_t done_ = 0;
};

class Engine {
 public:
  using Nanoseconds = std::int64_t;
  using Task = Callback<void(), 48>;

  /// What the longest read can bring, and what small writes are gathered in.
  static constexpr std::size_t read_buffer_bytes = 512 * 1024;
  static constexpr std::size_t most_shared_bytes = 1024 * 1024;
  static constexpr std::size_t gather_buffer_bytes = 16 * 1024;

  /// A host where `application_loop` is null, its guest otherwise.
  Engine(Loop& loop, uv_loop_s* application_loop, Duration spin);
  ~Engine();

  [[nodiscard]] Loop& loop() const { return loop_; }

  // ---- Running; the loop's part.

  /// Takes turns until stop() or, unless `for_ever`, until nothing keeps the loop running.
  void run(bool for_ever);
  /// One turn, which waits for something to happen if `wait`. False when nothing is left to do.
  bool turn(bool wait);
  void stop() noexcept;
  void post(Task&& task);
  [[nodiscard]] bool alive() const;
  [[nodiscard]] uv_loop_s* native() const { return &native_; }
  [[nodiscard]] bool is_guest() const { return guest_; }
  /// Also true while no thread runs the loop: it may then be used from any, one at a time.
  [[nodiscard]] bool in_loop_thread() const {
    return runs_in(std::this_thread::get_id()) || runs_in(std::thread::id());
  }
  void rethrow();
  /// True in a child that was forked after this was made: the parent goes on with what it shares.
  [[nodiscard]] bool forked() const { return forked_; }

  // ---- Calling the user.

  /// Calls `callback` for `handle`. False when the handle is gone: touch nothing of it.
  template <class Callable, class... Arguments>
  [[nodiscard]] bool call(LoopHandle& handle, Callable& callback, Arguments&&... arguments);

  /// True once something was thrown: go no further, and schedule() what remains to be done.
  [[nodiscard]] bool interrupted() const { return exception_ != nullptr; }

  // ---- Registrations, by sources. Results are 0 or -errno.

  int watch(const Source& source, int fd, Interest interest, Trigger trigger) {
    return poller_.add(fd, interest, trigger, source.token_);
  }
  int rewatch(const Source& source, int fd, Interest interest, Trigger trigger) {
    return poller_.change(fd, interest, trigger, source.token_);
  }
  void unwatch(const Source& source, int fd) { poller_.remove(fd, source.token_); }
  /// For a descriptor of the source's own that is closed next; spares the system call.
  void unwatch_closed(const Source& source, int fd) { poller_.forget(fd, source.token_); }

  /// False where sources have to register level-triggered.
  [[nodiscard]] bool has_edge_trigger() const { return poller_.has_edge_trigger(); }

  void schedule(Source& source);

  /// The source that still has this token, or null.
  [[nodiscard]] Source* find(Token token) const {
    const Slot& slot = slots_[static_cast<std::uint32_t>(token)];
    return slot.generation == token >> 32 ? slot.source : nullptr;
  }

  // ---- Time.

  /// The steady clock, read at most once a turn.
  Nanoseconds now();
  /// The steady clock, read now.
  static Nanoseconds clock();
  /// Always the time at which the present turn began, while anything is armed.
  [[nodiscard]] const Nanoseconds& turn_time() const { return now_; }
  /// How long ago `when` was, a former turn_time(). While nothing was armed turn_time() stood
  /// still: that time does not count.
  [[nodiscard]] Nanoseconds known_time_since(Nanoseconds when) {
    return now() - std::max(when, armed_since_);
  }

  // ---- Buffers shared by all streams of the loop.

  /// Where each read begins, of read_buffer_bytes.
  [[nodiscard]] std::byte* read_buffer() const { return buffers_.get(); }

  /// How much a source may read or send of a file in one iteration when it has more to do: all such
  /// sources share most_shared_bytes.
  [[nodiscard]] std::size_t share_bytes() const {
    const std::size_t sources = std::max<std::size_t>({scheduled_before_, scheduled_.size(), 1});
    return most_shared_bytes / sources;
  }

  /// Keeps `bytes` for `source` until the callback that is running returns, behind what was gathered
  /// for it before, and then sends them to `fd`. What lies in the read buffer stays there, anything
  /// else is copied. False when no callback is running, or they do not fit.
  [[nodiscard]] bool gather(Source& source, int fd, std::span<const std::byte> bytes);

  /// The same for what is written first and was just read, as an echo or a relay does; false for
  /// anything else.
  [[nodiscard]] bool gather_first(Source& source, int fd, std::span<const std::byte> bytes) {
    if (!calling_ || gathering_for_ || !was_read(bytes)) return false;
    gathering_for_ = &source;
    gathering_fd_ = fd;
    gathered_ = bytes;
    return true;
  }

  /// For a source that keeps what it sends by itself: on_gathered() is its time to send. False when
  /// no callback is running.
  [[nodiscard]] bool gather_itself(Source& source);

  /// What is gathered for this source, which takes it over.
  [[nodiscard]] std::span<const std::byte> take_gathered(const Source& source) {
    if (gathering_for_ != &source) return {};
    gathering_for_ = nullptr;
    return gathered_;
  }

  /// What the datagram sockets of the loop share, while there are any.
  std::weak_ptr<DatagramBuffers> datagram_buffers;

  // ---- libuv's handles and requests, closed in their own time.

  /// Counts handles that libuv must not keep the loop running for.
  void add_passive_native(int count) { passive_natives_ += static_cast<unsigned>(count); }

  // ---- What a turn cost.

  void measure_turns(TurnStatistics* statistics) { statistics_ = statistics; }
  using OnSlowCall = Callback<void(std::string, std::chrono::nanoseconds)>;
  void watch_slow_calls(Nanoseconds limit, OnSlowCall on_slow);

 private:
  friend class LoopHandle;
  friend class Source;
  friend class Expiring;

  /// While a thread runs the loop.
  class Running;

  [[nodiscard]] std::byte* gather_buffer() const { return buffers_.get() + read_buffer_bytes; }
  [[nodiscard]] bool was_read(std::span<const std::byte> bytes) const {
    // Pointers into different arrays may not be subtracted; their addresses may.
    const auto begin = reinterpret_cast<std::uintptr_t>(buffers_.get());
    return reinterpret_cast<std::uintptr_t>(bytes.data()) - begin < read_buffer_bytes;
  }

  struct Slot {
    Source* source = nullptr;
    std::uint32_t generation = 1;
  };

  Token occupy(Source& source);
  void vacate(Token token);
  [[nodiscard]] bool runs_in(std::thread::id thread) const {
    return thread_.load(std::memory_order_relaxed) == thread;
  }
  void run_turns();
  void take_turn(bool wait);
  void guest_turn();
  void wait_for_events(bool wait);
  [[nodiscard]] bool spin();
  [[nodiscard]] bool may_sleep();
  void dispatch_events();
  void resolve_event(Event event);
  void run_posted();
  void fire_timers();
  [[nodiscard]] bool serve_arrivals();
  [[nodiscard]] bool look_again();
  void run_scheduled();
  void keep_application_running();
  void arm_poller();
  template <class Action>
  void attempt(Action&& action) noexcept;
  void keep_exception() noexcept;
  void finish_gathering();
  void report_if_slow(const LoopHandle& handle);
  template <class Describe>
  void report_if_slow(Describe describe);
  [[nodiscard]] bool work_left() const;
  void finish_natives();
  void detach_from_parent() noexcept;
  void throw_if_forked() const;
  void abort_if_handles_are_left() const;

  Loop& loop_;
  const bool guest_;
  bool calling_ = false;
  bool in_turn_ = false;
  bool forked_ = false;
  bool timers_held_ = false;  // For one turn, so that input goes first.
  std::unique_ptr<uv_loop_s, void (*)(uv_loop_s*)> own_native_;
  uv_loop_s& native_;
  platform::Platform* const platform_ = platform::replacement;
  const std::unique_ptr<Poller> own_poller_;
  Poller& poller_;
  std::atomic<std::thread::id> thread_;  // The one that runs the loop; none while nobody does.
  const Nanoseconds spin_;

  // The first tokens are the poller's own; no source has their slots.
  std::vector<Slot> slots_ = std::vector<Slot>(Poller::reserved_tokens);
  std::vector<std::uint32_t> free_slots_;
  std::span<const Event> events_;  // Of this turn, those not yet dispatched.
  std::vector<Token> scheduled_;
  Round<Token> scheduled_now_;
  std::size_t scheduled_before_ = 0;  // How many, at the last refill.

  Nanoseconds now_ = 0;
  bool now_is_fresh_ = false;
  TimerWheel wheel_;
  std::size_t armed_ = 0;
  Nanoseconds armed_since_ = 0;
  bool began_armed_ = false;  // The present iteration: something was armed when it began.
  TimerWheel::Tick poller_armed_for_ = TimerWheel::never;

  Round<Task> posted_now_;

  // What other threads write, on cache lines of its own: of what they do the loop sees one word.
  alignas(64) std::mutex post_mutex_;
  std::vector<Task> posted_;  // Guarded by post_mutex_.
  alignas(64) std::atomic<bool> has_posted_ = false;
  std::atomic<bool> awake_ = false;  // The loop looks for what is posted before it waits.
  std::atomic<bool> stopping_ = false;

  // For reading, and behind that for gathering. Memory that is not touched costs none.
  const std::unique_ptr<std::byte[]> buffers_ =
      std::make_unique_for_overwrite<std::byte[]>(read_buffer_bytes + gather_buffer_bytes);
  std::span<const std::byte> gathered_;  // In one of the buffers.
  Source* gathering_for_ = nullptr;
  int gathering_fd_ = -1;

  std::exception_ptr exception_;
  std::size_t keeping_running_ = 0;
  unsigned passive_natives_ = 0;
  std::array<std::size_t, kinds> alive_{};

  TurnStatistics* statistics_ = nullptr;
  Nanoseconds slow_call_limit_ = 0;
  Nanoseconds call_began_ = 0;
  std::shared_ptr<OnSlowCall> on_slow_call_;  // It may replace itself.
  const AfterFork after_fork_{
      [](void* engine) noexcept { static_cast<Engine*>(engine)->detach_from_parent(); }, this};
};

template <class Callable, class... Arguments>
[[gnu::always_inline]] inline bool Engine::call(LoopHandle& handle, Callable& callback,
                                                Arguments&&... arguments) {
  assert(!calling_ && "a callback was called from inside another");
  if (slow_call_limit_ != 0) [[unlikely]]
    call_began_ = clock();
  ++handle.uses_;
  calling_ = true;
  attempt([&] { callback(std::forward<Arguments>(arguments)...); });
  calling_ = false;
  if (gathering_for_) finish_gathering();
  if (slow_call_limit_ != 0) [[unlikely]]
    report_if_slow(handle);
  return handle.end_use();
}

template <class Action>
[[gnu::always_inline]] inline void Engine::attempt(Action&& action) noexcept {
  try {
    action();
  } catch (...) {
    keep_exception();
  }
}

}  // namespace reactor
