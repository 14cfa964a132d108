#include "reactor/engine.hpp"

#include <fcntl.h>
#include <uv.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string_view>
#include <system_error>

#include "reactor/loop.hpp"
#include "reactor/platform/sys.hpp"

namespace reactor {
namespace {

constexpr std::array<const char*, kinds> kind_names = {"watcher", "wait_any", "timer",  "deadline",
                                                       "signal",  "query",    "work",   "listener",
                                                       "stream",  "datagram", "process"};

constexpr int tick_bits = 16;

TimerWheel::Tick tick_at(std::int64_t nanoseconds) {
  return static_cast<TimerWheel::Tick>(nanoseconds) >> tick_bits;
}

// The first tick at which all of `nanoseconds` have passed.
TimerWheel::Tick tick_after(std::int64_t nanoseconds) {
  return nanoseconds > 0 ? tick_at(nanoseconds - 1) + 1 : 0;
}

uv_loop_t* new_native() {
  auto loop = std::make_unique<uv_loop_t>();
  loop->backend_fd = -1;
  if (const int error = uv_loop_init(loop.get())) {
    // libuv leaves this one open.
    if (const int fd = loop->backend_fd; sys::fcntl(fd, F_GETFD, 0) >= 0) sys::close(fd);
    throw std::system_error(-error, std::generic_category(), "uv_loop_init");
  }
  return loop.release();
}

// For a constructor that failed: what a poller has given back is closed in a turn of libuv's.
void close_native(uv_loop_t* loop) {
  while (uv_loop_close(loop) == UV_EBUSY) uv_run(loop, UV_RUN_ONCE);
  delete loop;
}

// Libuv's loop of a parent is not closed in its child: its requests, which threads of the parent
// work on, would never end. It stays reachable, for those who look for leaks.
void leave_native(uv_loop_t* loop) {
  static auto* const left = new std::vector<uv_loop_t*>;
  left->push_back(loop);
}

std::system_error forked_error() {
  return {EPERM, std::generic_category(), "a forked child cannot run a loop of its parent"};
}

// Made beforehand: a child takes it just after fork().
const std::exception_ptr& forked_exception() {
  static const auto* const exception =
      new std::exception_ptr(std::make_exception_ptr(forked_error()));
  return *exception;
}

// Who holds it does so for some nanoseconds, unless its thread is not run just then: waiting awake
// is cheaper at first than being woken.
std::unique_lock<std::mutex> lock_soon(std::mutex& mutex) {
  for (int tries = 0; tries < 100; ++tries) {
    if (mutex.try_lock()) return {mutex, std::adopt_lock};
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  return std::unique_lock(mutex);
}

std::uint32_t slot_of(Token token) { return static_cast<std::uint32_t>(token); }

}  // namespace

// ---- Handles

Handle::Handle(Engine& engine, Kind kind) : engine_(engine), kind_(kind) {
  assert(engine.in_loop_thread() && "a handle belongs to its loop's thread");
  ++engine.alive_[static_cast<std::size_t>(kind)];
}

// Not retired: a constructor has failed.
Handle::~Handle() {
  if (retired_) return;
  keep_loop_running(false);
  --engine_.alive_[static_cast<std::size_t>(kind_)];
}

std::string Handle::describe() const { return kind_names[static_cast<std::size_t>(kind_)]; }

void Handle::keep_loop_running(bool keep) {
  if (keep == keeps_loop_running_) return;
  keeps_loop_running_ = keep;
  engine_.keeping_running_ += keep ? std::size_t{1} : ~std::size_t{0};
  engine_.keep_application_running();
}

void retire(Handle* handle) noexcept {
  Engine& engine = handle->engine_;
  assert(engine.in_loop_thread() && "a handle is destroyed on its loop's thread");
  handle->unregister();
  handle->keep_loop_running(false);
  handle->retired_ = true;
  --engine.alive_[static_cast<std::size_t>(handle->kind_)];
  if (!handle->running_) delete handle;
}

Source::Source(Engine& engine, Kind kind) : Handle(engine, kind), token_(engine.occupy(*this)) {}

Source::~Source() {
  (void)engine().take_gathered(*this);
  engine().vacate(token_);
}

void Expiring::expire_at(Nanoseconds when) {
  Engine& on = engine();
  // Keeps turn_time() true from now on. A timer that has just fired kept it true until now.
  if (on.armed_ == 0 && !(on.in_turn_ && on.began_armed_)) on.armed_since_ = on.now();
  if (linked()) {
    on.wheel_.remove(*this);
  } else {
    ++on.armed_;
  }
  on.wheel_.insert(*this, tick_after(when));
  if (!on.in_turn_) on.arm_poller();
}

bool Expiring::expires_by(Nanoseconds when) const { return linked() && expiry <= tick_after(when); }

void Expiring::cancel() {
  if (!linked()) return;
  engine().wheel_.remove(*this);
  --engine().armed_;
}

// ---- The engine's life

Engine::Engine(Loop& loop, uv_loop_s* application_loop, Duration spin)
    : loop_(loop),
      guest_(application_loop != nullptr),
      own_native_(guest_ ? nullptr : new_native(), close_native),
      native_(guest_ ? *application_loop : *own_native_),
      own_poller_([this] {
        const Poller::Guest guest{[](void* engine) { static_cast<Engine*>(engine)->guest_turn(); },
                                  this};
        return sys::new_poller(native_, guest_ ? &guest : nullptr);
      }()),
      poller_(*own_poller_),
      thread_(guest_ ? std::this_thread::get_id() : std::thread::id()),
      spin_(spin.count()),
      wheel_(tick_at(clock())) {
  (void)forked_exception();
}

Engine::~Engine() {
  const platform::Use use(platform_);
  assert(!in_turn_ && "a loop was destroyed by one of its callbacks");
  posted_now_ = {};
  while (!posted_.empty()) std::exchange(posted_, {}).clear();
  abort_if_handles_are_left();
  if (guest_) return;
  forked_ ? leave_native(own_native_.release()) : finish_natives();
}

// In a child: from here on nothing reaches what is shared with the parent. A turn that runs, since
// a callback has forked, ends as if the callback had thrown.
void Engine::detach_from_parent() noexcept {
  const bool mine = in_loop_thread();
  forked_ = true;
  poller_.detach_from_parent(mine);
  thread_ = std::thread::id();
  in_turn_ = false;
  gathering_for_ = nullptr;
  if (mine) exception_ = forked_exception();
}

void Engine::throw_if_forked() const {
  if (forked_) throw forked_error();
}

void Engine::abort_if_handles_are_left() const {
  std::string left;
  for (std::size_t kind = 0; kind < kinds; ++kind) {
    if (alive_[kind] == 0) continue;
    if (!left.empty()) left += ", ";
    left += std::to_string(alive_[kind]) + " " + kind_names[kind];
  }
  if (left.empty()) return;
  std::fprintf(stderr, "reactor::Loop destroyed before its handles: %s\n", left.c_str());
  std::abort();
}

// Handles of libuv close in a later turn of its loop, and requests end when they end.
void Engine::finish_natives() {
  poller_.close();
  while (uv_loop_close(&native_) == UV_EBUSY) {
    std::string left;
    uv_walk(
        &native_,
        [](uv_handle_t* handle, void* text) {
          if (uv_is_closing(handle)) return;
          *static_cast<std::string*>(text) +=
              std::string(" uv_") + uv_handle_type_name(handle->type);
        },
        &left);
    if (!left.empty()) {
      std::fprintf(stderr, "reactor::Loop destroyed before the application's handles:%s\n",
                   left.c_str());
      std::abort();
    }
    uv_run(&native_, UV_RUN_ONCE);
  }
  delete own_native_.release();
}

// ---- Running

class Engine::Running {
 public:
  Running(Engine& engine, bool for_ever) : engine_(engine), for_ever_(for_ever) {
    engine_.keeping_running_ += for_ever_;
    engine_.keep_application_running();
    before_ = engine_.thread_.exchange(std::this_thread::get_id(), std::memory_order_relaxed);
  }
  ~Running() {
    engine_.thread_.store(before_, std::memory_order_relaxed);
    engine_.keeping_running_ -= for_ever_;
    engine_.keep_application_running();
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  Engine& engine_;
  const platform::Use on_its_platform_{engine_.platform_};
  const bool for_ever_;
  std::thread::id before_;
};

void Engine::run(bool for_ever) {
  throw_if_forked();
  {
    const Running running(*this, for_ever);
    if (guest_) {
      uv_run(&native_, UV_RUN_DEFAULT);
    } else {
      run_turns();
    }
    // An exception goes first: then stop() ends the next run().
    if (!interrupted()) stopping_ = false;
  }
  rethrow();
}

void Engine::run_turns() {
  while (alive() && !interrupted()) {
    const bool stop_asked = stopping_;
    take_turn(!stop_asked);
    if (stop_asked || stopping_) return;
  }
}

bool Engine::turn(bool wait) {
  throw_if_forked();
  {
    const Running running(*this, false);
    if (guest_) {
      uv_run(&native_, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    } else {
      take_turn(wait);
    }
  }
  rethrow();
  return guest_ ? uv_loop_alive(&native_) != 0 : alive();
}

void Engine::take_turn(bool wait) {
  assert(!in_turn_ && "a loop was run from one of its own callbacks");
  in_turn_ = true;
  wait_for_events(wait);
  const Nanoseconds began = statistics_ ? clock() : 0;
  dispatch_events();
  if (has_posted_ || !posted_now_.empty()) run_posted();
  if (armed_ > 0) fire_timers();
  if (!scheduled_.empty() || !scheduled_now_.empty()) run_scheduled();
  if (!interrupted()) poller_.run_native();
  if (began && statistics_) statistics_->add(std::chrono::nanoseconds(clock() - began));
  if (armed_ > 0) arm_poller();
  in_turn_ = false;
}

// The poller has something, inside the application's turn of its own loop.
void Engine::guest_turn() {
  const platform::Use use(platform_);
  thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  take_turn(false);
  if (!may_sleep() || (interrupted() && stopping_)) poller_.wake();
  keep_application_running();
  if (interrupted() || stopping_.exchange(false)) uv_stop(&native_);
}

void Engine::keep_application_running() {
  if (guest_) poller_.keep_alive(keeping_running_ > 0 || work_left());
}

bool Engine::work_left() const {
  return !events_.empty() || !scheduled_.empty() || !scheduled_now_.empty() ||
         !posted_now_.empty() || has_posted_;
}

void Engine::wait_for_events(bool wait) {
  // An exception may have left events of the last turn.
  if (events_.empty()) {
    wait = wait && may_sleep();
    if (!wait || spin_ <= 0 || !spin()) events_ = poller_.wait(wait ? -1 : 0);
    awake_.store(true, std::memory_order_relaxed);
  }
  now_is_fresh_ = began_armed_ = armed_ > 0;
  if (now_is_fresh_) now_ = clock();
}

// Whoever posts from here on wakes the thread; who did before has left work.
bool Engine::may_sleep() {
  awake_ = false;
  return !work_left();
}

// False when there is nothing to do but to sleep. Looking uses up a wake-up; so this has to look for
// all that the thread could have been woken for.
bool Engine::spin() {
  const Nanoseconds until = saturating_sum(clock(), spin_);
  for (;;) {
    events_ = poller_.wait(0);
    const Nanoseconds reached = clock();
    if (work_left() || stopping_ || poller_.native_ready()) return true;
    if (tick_at(reached) >= poller_armed_for_) return true;
    if (reached >= until) return false;
  }
}

void Engine::dispatch_events() {
  const Event* event = events_.data();
  const Event* const end = event + events_.size();
  for (; event != end && !interrupted(); ++event) {
    if (Source* const source = find(event->token)) {
      source->on_ready(event->happened);
    } else {
      resolve_event(*event);
    }
  }
  events_ = {event, end};
}

// It is the poller's own, or of a source that is gone.
void Engine::resolve_event(Event event) {
  if (!poller_.resolve(event)) return;
  if (Source* const source = find(event.token)) source->on_ready(event.happened);
}

template <class Describe>
void Engine::report_if_slow(Describe describe) {
  const Nanoseconds took = clock() - call_began_;
  if (took < slow_call_limit_ || !on_slow_call_) return;
  attempt([&] { on_slow_call_(describe(), std::chrono::nanoseconds(took)); });
}

void Engine::run_posted() {
  if (interrupted()) return;
  if (posted_now_.empty()) {
    const auto lock = lock_soon(post_mutex_);
    posted_now_.refill(posted_);
    has_posted_ = false;
  }
  while (!posted_now_.empty() && !interrupted()) {
    if (slow_call_limit_ != 0) call_began_ = clock();
    calling_ = true;
    attempt(posted_now_.front());
    calling_ = false;
    posted_now_.pop();  // What it captured goes before the next is run.
    if (slow_call_limit_ != 0) report_if_slow([] { return std::string("posted task"); });
  }
  // One send for all that the tasks of a batch wrote to one stream.
  if (gathering_for_) finish_gathering();
}

void Engine::fire_timers() {
  if (interrupted()) return;
  wheel_.advance(tick_at(now_));
  if (!wheel_.first_due() || !serve_arrivals()) return;
  while (!interrupted()) {
    TimerWheel::Node* const node = wheel_.pop_due();
    if (!node) return;
    --armed_;
    static_cast<Expiring*>(node)->on_expired();
  }
}

// Timers are due. Where more may have arrived than the wait of this turn collected, that goes
// first: a peer is not idle because this loop was busy, or the process stopped. False: not now.
bool Engine::serve_arrivals() {
  // Longer than a thread takes to wake up: between the wait and the clock, the thread did not run.
  constexpr TimerWheel::Tick late = (1'000'000 >> tick_bits) + 1;
  const bool stalled = tick_at(now_) - wheel_.first_due()->expiry > late;
  if (!stalled && !poller_.may_have_more(events_.data())) return true;
  if (!look_again()) return false;
  // Sources that have read a part ask for another go.
  constexpr int most_rounds = 16;
  for (int round = 0; stalled && round < most_rounds; ++round) {
    if (scheduled_.empty() && scheduled_now_.empty()) break;
    run_scheduled();
    if (interrupted()) return false;
  }
  return true;
}

// Bounded: the poller gives each source its go before it gives one to any a second time.
bool Engine::look_again() {
  if (!poller_.looks_by_itself()) {
    timers_held_ = !timers_held_;
    if (timers_held_) poller_.wake();
    return !timers_held_;
  }
  std::size_t left = slots_.size();
  for (;;) {
    events_ = poller_.wait(0);
    left -= std::min(left, events_.size());
    dispatch_events();
    if (interrupted()) return false;
    if (left == 0 || !poller_.may_have_more(events_.data())) return true;
  }
}

void Engine::run_scheduled() {
  if (scheduled_now_.empty()) {
    scheduled_before_ = scheduled_.size();
    scheduled_now_.refill(scheduled_);
  }
  while (!scheduled_now_.empty() && !interrupted()) {
    Source* const source = find(scheduled_now_.front());
    scheduled_now_.pop();
    if (!source) continue;
    source->scheduled_ = false;
    source->on_turn();
  }
}

// The poller wakes the thread at a time that may be too early by now, never at one too late: a
// timer that moves away, as most do, costs no system call.
void Engine::arm_poller() {
  // The clock never gets beyond: what is later is never.
  constexpr TimerWheel::Tick last = std::numeric_limits<Nanoseconds>::max() >> tick_bits;
  const TimerWheel::Tick next = wheel_.next();
  if (next > last) return;
  if (poller_armed_for_ != TimerWheel::never && now_ != 0 && tick_at(now_) >= poller_armed_for_) {
    poller_armed_for_ = TimerWheel::never;
  }
  if (next >= poller_armed_for_) return;
  poller_armed_for_ = next;
  poller_.arm(static_cast<Nanoseconds>(next << tick_bits));
}

void Engine::stop() noexcept {
  stopping_ = true;
  poller_.wake();
}

void Engine::post(Task&& task) {
  if (forked_) return;  // A thread of the parent may hold the mutex for ever.
  {
    const auto lock = lock_soon(post_mutex_);
    posted_.push_back(std::move(task));
    // What follows belongs to the loop's processor still: asked for now, it is here when needed.
    constexpr std::size_t ahead = 8;
    if (posted_.capacity() - posted_.size() > ahead) __builtin_prefetch(&posted_.back() + ahead, 1);
    if (posted_.size() > 1) return;
    has_posted_ = true;
  }
  if (awake_) return;
  if (runs_in(std::this_thread::get_id())) keep_application_running();
  poller_.wake();
}

bool Engine::alive() const {
  return keeping_running_ > 0 || work_left() || poller_.native_alive(passive_natives_);
}

// For rethrow(): of two exceptions the first.
void Engine::keep_exception() noexcept {
  if (!exception_) exception_ = std::current_exception();
}

void Engine::rethrow() {
  if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
}

// ---- Sources

Token Engine::occupy(Source& source) {
  if (free_slots_.empty()) {
    slots_.emplace_back();
    free_slots_.reserve(slots_.capacity());  // vacate() finds room.
    free_slots_.push_back(static_cast<std::uint32_t>(slots_.size() - 1));
  }
  const std::uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  slots_[slot].source = &source;
  return Token{slots_[slot].generation} << 32 | slot;
}

void Engine::vacate(Token token) {
  Slot& slot = slots_[slot_of(token)];
  slot.source = nullptr;
  // 31 bits, and never 0: the tokens beyond are the poller's.
  slot.generation = slot.generation % 0x7fff'ffff + 1;
  free_slots_.push_back(slot_of(token));
}

void Engine::schedule(Source& source) {
  if (source.scheduled_) return;
  scheduled_.push_back(source.token_);
  source.scheduled_ = true;
  if (guest_ && !in_turn_) poller_.wake();
}

// ---- Time

Engine::Nanoseconds Engine::clock() { return sys::steady_now(); }

Engine::Nanoseconds Engine::now() {
  if (!in_turn_ || !now_is_fresh_) now_ = clock();
  now_is_fresh_ = true;
  return now_;
}

// ---- Shared buffers

bool Engine::gather(Source& source, int fd, std::span<const std::byte> bytes) {
  if (!calling_) return false;
  if (gathering_for_ != &source) {
    if (gathering_for_) finish_gathering();
    gathering_for_ = &source;
    gathering_fd_ = fd;
    gathered_ = {gather_buffer(), 0};
  }
  const std::byte* const end = gathered_.data() + gathered_.size();
  if (was_read(gathered_)) {
    if (bytes.data() == end) {  // One behind the other, as they were read.
      gathered_ = {gathered_.data(), gathered_.size() + bytes.size()};
      return true;
    }
    if (gathered_.size() > gather_buffer_bytes) return false;
    std::memcpy(gather_buffer(), gathered_.data(), gathered_.size());
    gathered_ = {gather_buffer(), gathered_.size()};
  }
  if (bytes.size() > gather_buffer_bytes - gathered_.size()) return false;
  if (!bytes.empty()) std::memcpy(gather_buffer() + gathered_.size(), bytes.data(), bytes.size());
  gathered_ = {gather_buffer(), gathered_.size() + bytes.size()};
  return true;
}

bool Engine::gather_itself(Source& source) {
  if (!calling_) return false;
  if (gathering_for_ && gathering_for_ != &source) finish_gathering();
  gathering_for_ = &source;
  gathering_fd_ = -1;
  gathered_ = {};
  return true;
}

void Engine::finish_gathering() {
  if (gathering_fd_ < 0) [[unlikely]] {
    return std::exchange(gathering_for_, nullptr)->on_gathered(0, {});
  }
  const ssize_t sent = sys::send(gathering_fd_, gathered_.data(), gathered_.size(), 0);
  Source* const source = std::exchange(gathering_for_, nullptr);
  if (sent != static_cast<ssize_t>(gathered_.size())) return source->on_gathered(sent, gathered_);
  source->moved_at_ = now_;
}

// What ends here may run the user's code too: the watchdog, the destructor of a capture.
void Engine::finish_call(const Handle& handle) {
  if (slow_call_limit_ != 0) report_if_slow([&] { return handle.describe(); });
  loose_ends_ &= ~unsigned{replaced_callbacks};
  while (!replaced_.empty()) std::exchange(replaced_, {}).clear();
}

void Engine::destroy(Handle& handle) { delete &handle; }

void Engine::watch_slow_calls(Nanoseconds limit, OnSlowCall on_slow) {
  slow_call_limit_ = limit;
  call_began_ = clock();  // Of the callback that is running, if one is.
  // The old one may be what is running.
  replaced_.push_back([old = std::exchange(on_slow_call_, std::move(on_slow))] {});
  loose_ends_ = replaced_callbacks | (limit != 0 ? watched_calls : 0U);
}

}  // namespace reactor
