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

#include "reactor/platform/sys.hpp"

namespace reactor::inline v0 {
namespace {

constexpr std::array<const char*, kinds> kind_names = {
    "watcher", "wait_any", "timer",  "idle timeout", "signal", "lookup",
    "work",    "listener", "stream", "datagram",     "process"};

uv_loop_t* new_native() {
  auto loop = std::make_unique<uv_loop_t>();
  loop->backend_fd = -1;
  if (const int error = uv_loop_init(loop.get())) {
    // libuv does not close this descriptor.
    if (const int fd = loop->backend_fd; sys::fcntl(fd, F_GETFD, 0) >= 0) sys::close(fd);
    throw std::system_error(-error, std::generic_category(), "uv_loop_init");
  }
  return loop.release();
}

// For a constructor that failed: libuv closes the poller's handles in an iteration of its own.
void close_native(uv_loop_t* loop) {
  while (uv_loop_close(loop) == UV_EBUSY) uv_run(loop, UV_RUN_ONCE);
  delete loop;
}

// The child does not close libuv's loop of its parent: threads of the parent work on its requests,
// so these would never end. The loop stays reachable, so that leak checkers do not report it.
void leave_native(uv_loop_t* loop) {
  static auto* const left = new std::vector<uv_loop_t*>;
  left->push_back(loop);
}

std::system_error forked_error() {
  return {EPERM, std::generic_category(), "a forked child cannot run a loop of its parent"};
}

// Made in advance: a child takes it just after fork().
const std::exception_ptr& forked_exception() {
  static const auto* const exception =
      new std::exception_ptr(std::make_exception_ptr(forked_error()));
  return *exception;
}

}  // namespace

// ---- Handles

LoopHandle::LoopHandle(Engine& engine, Kind kind) : kind_(kind), engine_(engine) {
  assert(engine.in_loop_thread() && "a handle belongs to its loop's thread");
  engine.set_alive(kind, engine.alive(kind) + 1);
}

// If it is not retired, a constructor has failed.
LoopHandle::~LoopHandle() {
  if (named_) engine_.names_.erase(this);
  if (retired()) return;
  keep_loop_running(false);
  engine_.set_alive(kind_, engine_.alive(kind_) - 1);
}

std::string LoopHandle::describe() const { return kind_names[static_cast<std::size_t>(kind_)]; }

std::string LoopHandle::name() const { return named_ ? engine_.names_.at(this) : describe(); }

void LoopHandle::set_name(std::string name) {
  engine_.names_.insert_or_assign(this, std::move(name));
  named_ = true;
}

void LoopHandle::keep_loop_running(bool keep) {
  if (keep == keeps_loop_running_) return;
  keeps_loop_running_ = keep;
  engine_.keeping_running_ += keep ? std::size_t{1} : ~std::size_t{0};
  engine_.keep_application_running();
}

void LoopHandle::on_retired() noexcept {
  assert(engine_.in_loop_thread() && "a handle is destroyed on its loop's thread");
  unregister();
  keep_loop_running(false);
  engine_.set_alive(kind_, engine_.alive(kind_) - 1);
}

Source::Source(Engine& engine, Kind kind) : LoopHandle(engine, kind) { engine.sources_.add(*this); }

Source::~Source() {
  (void)engine().take_gathered(*this);
  engine().sources_.remove(*this);
}

void TimerHandle::expire_at(Nanoseconds when) { engine().timers().arm(*this, when); }

bool TimerHandle::expires_by(Nanoseconds when) const {
  return linked() && Timers::is_due_by(expiry, when);
}

void TimerHandle::cancel() { engine().timers().disarm(*this); }

// ---- The engine's life

Engine::Engine(Loop& loop, uv_loop_s* application_loop, Duration spin)
    : loop_(loop),
      embedded_(application_loop != nullptr),
      own_native_(embedded_ ? nullptr : new_native(), close_native),
      native_(embedded_ ? *application_loop : *own_native_),
      own_poller_([this] {
        const Poller::Embedding embedding{
            [](void* engine) { static_cast<Engine*>(engine)->embedded_iteration(); }, this};
        return sys::new_poller(native_, embedded_ ? &embedding : nullptr);
      }()),
      poller_(*own_poller_),
      thread_(embedded_ ? std::this_thread::get_id() : std::thread::id()),
      iteration_(poller_, sources_, posted_, timers_, calls_, spin.count()) {
  (void)forked_exception();
}

Engine::Nanoseconds Engine::wall_now() const {
  const platform::Use use(platform_);
  return sys::wall_now();
}

Engine::~Engine() {
  const platform::Use use(platform_);
  assert(!timers_.in_iteration() && "a loop was destroyed by one of its callbacks");
  // Another thread may be about to return from the post() or stop() that has ended this loop.
  if (!forked_) (void)posted_.lock();
  posted_.clear();
  abort_if_handles_are_left();
  if (embedded_) return;
  forked_ ? leave_native(own_native_.release()) : finish_natives();
}

// In a child: detaches everything that is shared with the parent. If a callback has forked, the
// running iteration ends as if the callback had thrown.
void Engine::detach_from_parent() noexcept {
  const bool mine = in_loop_thread();
  forked_ = true;
  poller_.detach_from_parent(mine);
  thread_ = std::thread::id();
  timers_.leave_iteration();
  calls_.output.discard();
  if (mine) calls_.interrupt(forked_exception());
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

// Handles of libuv close in a later iteration of its loop, and requests may end later.
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
  const platform::Count counts_{engine_.counted()};
  const bool for_ever_;
  std::thread::id before_;
};

void Engine::run(bool for_ever) {
  throw_if_forked();
  {
    const Running running(*this, for_ever);
    if (embedded_) {
      uv_run(&native_, UV_RUN_DEFAULT);
    } else {
      run_iterations();
    }
    // An exception has priority: then stop() ends the next run().
    if (!interrupted()) stopping_ = false;
  }
  rethrow();
}

const IterationStatistics& Engine::measure_iterations() {
  if (!metrics_) metrics_ = std::make_unique<Metrics>();
  iteration_.measure(metrics_.get());
  return metrics_->iterations;
}

void Engine::measure() {
  (void)measure_iterations();
  calls_.measure(*metrics_);
  counts_traffic_ = true;
  // Another platform than the kernel has no sockets whose bytes would count.
  if (platform_) return;
  platform_ = &platform::metered();
  if (!timers_.in_iteration()) return;
  // Until the end of this run, which restores both.
  platform::replacement = platform_;
  platform::counted = counted();
}

Metrics Engine::metrics() const {
  Metrics now = metrics_ ? *metrics_ : Metrics();
  now.accepted = traffic_.accepted;
  now.received_bytes = traffic_.received_bytes;
  now.sent_bytes = traffic_.sent_bytes;
  now.streams = streams();
  now.most_queued_bytes = most_queued_bytes_;
  return now;
}

void Engine::run_iterations() {
  iteration_.finish_last();
  while (alive() && !interrupted()) {
    const bool stop_asked = stopping_;
    iteration_.run(!stop_asked, stopping_);
    if (stop_asked || stopping_) return;
  }
}

bool Engine::run_once(bool wait) {
  throw_if_forked();
  {
    const Running running(*this, false);
    if (embedded_) {
      uv_run(&native_, wait ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    } else {
      const bool was_left = iteration_.finish_last();
      if (!interrupted()) iteration_.run(wait && !was_left, stopping_);
      if (hosted_) wake_host();
    }
  }
  rethrow();
  return embedded_ ? uv_loop_alive(&native_) != 0 : alive();
}

int Engine::host_descriptor() {
  assert(!embedded_ && "uv_run of the application's loop serves this one");
  hosted_ = true;
  if (!timers_.in_iteration()) wake_host();
  return poller_.descriptor();
}

Duration Engine::host_timeout() {
  const int native = poller_.native_wait();
  return native < 0 ? Duration::max() : Duration(std::chrono::milliseconds(native));
}

// From here on a post() makes the descriptor readable. Work that is left makes it readable now.
void Engine::wake_host() {
  if (!iteration_.may_sleep()) poller_.wake();
}

// Called inside the application's iteration of its own loop, when the poller has events.
void Engine::embedded_iteration() {
  const platform::Use use(platform_);
  const platform::Count counts(counted());
  thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
  iteration_.finish_last();
  if (!interrupted()) iteration_.run(false, stopping_);
  if (!iteration_.may_sleep() || (interrupted() && stopping_)) poller_.wake();
  keep_application_running();
  if (interrupted() || stopping_.exchange(false)) uv_stop(&native_);
}

void Engine::keep_application_running() {
  if (embedded_) poller_.keep_alive(keeping_running_ > 0 || iteration_.work_left());
}

// With the lock, as in push(): a loop that sees `stopping_` may end before it is woken.
void Engine::stop() noexcept {
  PostQueue::Lock held;
  if (!forked_ && !runs_in(std::this_thread::get_id())) held = posted_.lock();
  stopping_ = true;
  poller_.wake();
}

void Engine::post(PostQueue::Task&& task) {
  if (forked_) return;  // A thread of the parent may hold the mutex forever.
  const PostQueue::Lock asleep = posted_.push(std::move(task));
  if (!asleep) return;
  if (runs_in(std::this_thread::get_id())) keep_application_running();
  poller_.wake();
}

bool Engine::alive() const {
  return keeping_running_ > 0 || iteration_.work_left() ||
         poller_.native_alive(unreferenced_handles_);
}

void Engine::schedule(Source& source) {
  const bool waits_elsewhere = embedded_ || hosted_;
  if (sources_.schedule(source) && waits_elsewhere && !timers_.in_iteration()) poller_.wake();
}

}  // namespace reactor
