#include "reactor/engine.hpp"

#include <uv.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "reactor/loop.hpp"
#include "reactor/sys.hpp"

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

void Engine::run_posted() {
  if (interrupted()) return;
  if (posted_now_.empty()) {
    const std::lock_guard lock(post_mutex_);
    posted_now_.refill(posted_);
    has_posted_ = false;
  }
  while (!posted_now_.empty() && !interrupted()) {
    Task task = posted_now_.take();
    if (slow_call_limit_ != 0) call_began_ = read_clock();
    calling_ = true;
    try {
      task();
    } catch (...) {
      keep_exception();
    }
    calling_ = false;
    if (slow_call_limit_ != 0) report_if_slow("posted task");
  }
  // One send for all that the tasks of a batch wrote to one stream.
  if (gathering_for_) finish_gathering();
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
  // 31 bits, and never 0: the tokens beyond are the poller's.
  slot.generation = slot.generation % 0x7fff'ffff + 1;
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
  if (sent != static_cast<ssize_t>(gathered_.size())) source->on_gathered(sent, gathered_);
}

void Engine::finish_call(const Handle& handle) {
  if (slow_call_limit_ != 0) report_if_slow(handle.describe());
  if (loose_ends_ & replaced_callbacks) {
    loose_ends_ &= ~unsigned{replaced_callbacks};
    replaced_.clear();
  }
}

void Engine::destroy(Handle& handle) { delete &handle; }

void Engine::report_if_slow(const std::string& what) {
  const Nanoseconds took = read_clock() - call_began_;
  if (took >= slow_call_limit_ && on_slow_call_)
    on_slow_call_(what, std::chrono::nanoseconds(took));
}

}  // namespace reactor
