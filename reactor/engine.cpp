#include "reactor/engine.hpp"

#include <uv.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "reactor/loop.hpp"

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
  return tick_at(nanoseconds + (std::int64_t{1} << tick_bits) - 1);
}

uv_loop_t* new_native() {
  auto* loop = new uv_loop_t;
  if (const int error = uv_loop_init(loop)) {
    delete loop;
    throw std::system_error(-error, std::generic_category(), "uv_loop_init");
  }
  return loop;
}

std::uint32_t slot_of(Token token) { return static_cast<std::uint32_t>(token); }

}  // namespace

// ---- Handles

Handle::Handle(Engine& engine, Kind kind) : engine_(engine), kind_(kind) {
  assert(engine.in_loop_thread() && "a handle belongs to its loop's thread");
  ++engine.alive_[static_cast<std::size_t>(kind)];
}

Handle::~Handle() = default;

std::string Handle::describe() const { return kind_names[static_cast<std::size_t>(kind_)]; }

void Handle::keep_loop_running(bool keep) {
  if (keep == keeps_loop_running_) return;
  keeps_loop_running_ = keep;
  engine_.keeping_running_ += keep ? std::size_t{1} : ~std::size_t{0};
  if (engine_.guest_) engine_.poller_.keep_alive(engine_.keeping_running_ > 0);
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
  if (on.armed_ == 0) on.now();  // Keeps turn_time() true from now on.
  if (linked()) {
    on.wheel_.remove(*this);
  } else {
    ++on.armed_;
  }
  on.wheel_.insert(*this, tick_after(when));
  if (!on.in_turn_) on.arm_poller();
}

void Expiring::cancel() {
  if (!linked()) return;
  engine().wheel_.remove(*this);
  --engine().armed_;
}

// ---- The engine's life

Engine::Engine(Loop& loop, uv_loop_s* application_loop, std::chrono::microseconds spin)
    : loop_(loop),
      guest_(application_loop != nullptr),
      own_native_(guest_ ? nullptr : new_native(), [](uv_loop_s* native) { delete native; }),
      native_(guest_ ? *application_loop : *own_native_),
      poller_([this] {
        const Poller::Guest guest{[](void* engine) { static_cast<Engine*>(engine)->guest_turn(); },
                                  this};
        return Poller(native_, guest_ ? &guest : nullptr);
      }()),
      spin_(spin),
      wheel_(tick_at(read_clock())) {}

Engine::~Engine() {
  assert(!in_turn_ && "a loop was destroyed by one of its callbacks");
  posted_.clear();
  posted_now_ = {};
  abort_if_handles_are_left();
  if (!guest_) finish_natives();
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
}

// ---- Running

void Engine::run(bool for_ever) {
  thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  if (guest_) {
    uv_run(&native_, UV_RUN_DEFAULT);
    stopping_ = false;
    return rethrow();
  }
  bool more = for_ever || alive();
  while (more) {
    const bool stop_asked = stopping_;
    more = turn(!stop_asked) || for_ever;
    if (stop_asked || stopping_) break;
  }
  stopping_ = false;
}

bool Engine::turn(bool wait) {
  assert(!in_turn_ && "a loop was run from one of its own callbacks");
  if (guest_) {
    uv_run(&native_, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    rethrow();
    return uv_loop_alive(&native_) != 0;
  }
  in_turn_ = true;
  if (events_.empty()) wait_for_events(wait);
  const Nanoseconds began = statistics_ ? read_clock() : 0;
  do_work();
  if (!interrupted()) poller_.run_native();
  if (began && statistics_) statistics_->add(std::chrono::nanoseconds(read_clock() - began));
  if (armed_ > 0) arm_poller();
  in_turn_ = false;
  if (interrupted()) rethrow();
  return alive();
}

void Engine::do_work() {
  dispatch_events();
  if (has_posted_ || !posted_now_.empty()) run_posted();
  if (armed_ > 0) fire_timers();
  if (!scheduled_.empty() || !scheduled_now_.empty()) run_scheduled();
}

// The poller has something, inside the application's turn of its own loop.
void Engine::guest_turn() {
  in_turn_ = true;
  if (events_.empty()) wait_for_events(false);
  do_work();
  if (armed_ > 0) arm_poller();
  in_turn_ = false;
  if (work_left()) poller_.wake();
  poller_.keep_alive(keeping_running_ > 0 || work_left());
  if (interrupted() || stopping_) uv_stop(&native_);
}

bool Engine::work_left() const {
  return !events_.empty() || !scheduled_.empty() || !scheduled_now_.empty() ||
         !posted_now_.empty() || has_posted_;
}

void Engine::wait_for_events(bool wait) {
  wait = wait && !work_left();
  if (wait && spin_.count() > 0) {
    const Nanoseconds until = read_clock() + std::chrono::nanoseconds(spin_).count();
    do {
      events_ = poller_.wait(0);
    } while (events_.empty() && !has_posted_ && !poller_.native_ready() && read_clock() < until);
    wait = events_.empty() && !has_posted_ && !poller_.native_ready();
    if (wait) events_ = poller_.wait(-1);
  } else {
    events_ = poller_.wait(wait ? -1 : 0);
  }
  now_is_fresh_ = armed_ > 0;
  if (now_is_fresh_) now_ = read_clock();
}

void Engine::dispatch_events() {
  while (!events_.empty() && !interrupted()) {
    const Event event = events_.front();
    events_ = events_.subspan(1);
    if (Source* source = find(event.token)) source->on_ready(event.happened);
  }
}

void Engine::run_posted() {
  if (interrupted()) return;
  if (posted_now_.empty()) {
    const std::lock_guard lock(post_mutex_);
    posted_now_.refill(posted_);
    has_posted_ = false;
  }
  while (!posted_now_.empty() && !interrupted()) {
    Task task = posted_now_.take();
    const Nanoseconds began = slow_call_limit_ ? read_clock() : 0;
    calling_ = true;
    try {
      task();
    } catch (...) {
      keep_exception();
    }
    calling_ = false;
    if (began) report_if_slow(began, [] { return std::string("posted task"); });
  }
  // One send for all that the tasks of a batch wrote to one stream.
  if (gathered_) finish_call();
}

void Engine::fire_timers() {
  if (interrupted()) return;
  wheel_.advance(tick_at(now_));
  while (!interrupted()) {
    TimerWheel::Node* const node = wheel_.pop_due();
    if (!node) return;
    --armed_;
    static_cast<Expiring*>(node)->on_expired();
  }
}

void Engine::run_scheduled() {
  if (scheduled_now_.empty()) scheduled_now_.refill(scheduled_);
  while (!scheduled_now_.empty() && !interrupted()) {
    Source* const source = find(scheduled_now_.take());
    if (!source) continue;
    source->scheduled_ = false;
    source->on_turn();
  }
}

// The poller wakes the thread at a time that may be too early by now, never at one too late: a
// timer that moves away, as most do, costs no system call.
void Engine::arm_poller() {
  const TimerWheel::Tick next = wheel_.next();
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

void Engine::post(Task task) {
  {
    const std::lock_guard lock(post_mutex_);
    posted_.push_back(std::move(task));
    if (posted_.size() > 1) return;
    has_posted_ = true;
  }
  if (in_loop_thread()) {
    if (in_turn_) return;  // The turn looks again before it waits.
    if (guest_) poller_.keep_alive(true);
  }
  poller_.wake();
}

bool Engine::alive() const {
  return keeping_running_ > 0 || work_left() || poller_.native_alive(passive_natives_);
}

void Engine::rethrow() {
  if (exception_) std::rethrow_exception(std::exchange(exception_, nullptr));
}

void Engine::keep_exception() noexcept { exception_ = std::current_exception(); }

// ---- Sources

Token Engine::occupy(Source& source) {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  slots_[slot].source = &source;
  return Token{slots_[slot].generation} << 32 | slot;
}

void Engine::vacate(Token token) {
  Slot& slot = slots_[slot_of(token)];
  slot.source = nullptr;
  if (++slot.generation == 0) slot.generation = 1;
  free_slots_.push_back(slot_of(token));
}

void Engine::schedule(Source& source) {
  if (source.scheduled_) return;
  source.scheduled_ = true;
  scheduled_.push_back(source.token_);
  if (guest_ && !in_turn_) poller_.wake();
}

// ---- Time

Engine::Nanoseconds Engine::read_clock() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Engine::Nanoseconds Engine::now() {
  if (!in_turn_ || !now_is_fresh_) now_ = read_clock();
  now_is_fresh_ = true;
  return now_;
}

// ---- Shared buffers

void Engine::finish_gathering() {
  if (!gathering_for_) return;
  Source& source = *gathering_for_;
  source.on_gathered(take_gathered(source));
}

void Engine::finish_call() {
  finish_gathering();
  replaced_.clear();
}

}  // namespace reactor
