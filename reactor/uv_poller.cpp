// The poller on uv_poll_t, wherever libuv runs: level-triggered only, one uv_poll_t for each
// descriptor, however many watch it.
#include <fcntl.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#ifdef __linux__
#include <sys/epoll.h>
#endif

#include "reactor/poller.hpp"

namespace reactor {
namespace {

struct Registration {
  Token token;
  Interest interest;
  bool oneshot;
};

int to_native(Interest interest) {
  int events = 0;
  if (interest & Interest::readable) events |= UV_READABLE;
  if (interest & Interest::writable) events |= UV_WRITABLE;
  if (interest & Interest::priority) events |= UV_PRIORITIZED;
  if (interest & Interest::peer_closed) events |= UV_DISCONNECT;
  return events;
}

unsigned to_happened(int events) {
  unsigned happened = 0;
  if (events & UV_READABLE) happened |= Happened::readable;
  if (events & UV_WRITABLE) happened |= Happened::writable;
  if (events & UV_PRIORITIZED) happened |= Happened::priority;
  if (events & UV_DISCONNECT) happened |= Happened::peer_closed;
  return happened;
}

std::int64_t steady_now() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// A handle lives on the heap until libuv has closed it.
template <class Native>
void close_native(Native* handle) {
  uv_close(reinterpret_cast<uv_handle_t*>(handle),
           [](uv_handle_t* closed) { delete reinterpret_cast<Native*>(closed); });
}

template <class Native>
void let_loop_end(Native* handle) {
  uv_unref(reinterpret_cast<uv_handle_t*>(handle));
}

}  // namespace

struct Poller::State {
  struct Descriptor {
    State& owner;
    int fd;
    uv_poll_t* handle = nullptr;
    std::vector<Registration> registrations{};

    int update();
    void collect(int status, int events);
  };

  explicit State(uv_loop_t& native) : loop(native) {}
  ~State() { close(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  uv_loop_t& loop;
  bool host = true;
  Guest guest{};
  bool woken = false;
  bool forked = false;
  uv_async_t* wakeup = nullptr;
  uv_timer_t* timer = nullptr;
  uv_check_t* after_poll = nullptr;  // Of a guest.
  std::int64_t armed_for = 0;
  std::map<int, Descriptor> descriptors;
  std::vector<Event> collected;
  std::vector<Event> given;

  void start_timer();
  void close();
};

int Poller::State::Descriptor::update() {
  Interest all = Interest::none;
  for (const Registration& registration : registrations) all = all | registration.interest;
  if (all == Interest::none) return uv_poll_stop(handle);
  return uv_poll_start(handle, to_native(all), [](uv_poll_t* watch, int status, int events) {
    static_cast<Descriptor*>(watch->data)->collect(status, events);
  });
}

void Poller::State::Descriptor::collect(int status, int events) {
  // A pending error of the socket comes as UV_EBADF, whereupon libuv has stopped the handle.
  const bool failed = status < 0;
  for (Registration& registration : registrations) {
    const int wanted = to_native(registration.interest);
    if (wanted == 0 || (!failed && !(wanted & events))) continue;
    const unsigned happened = to_happened(failed ? wanted : wanted & events);
    owner.collected.push_back({happened | (failed ? Happened::failed : 0), registration.token});
    if (registration.oneshot) registration.interest = Interest::none;
  }
  update();
}

// libuv's timers count whole milliseconds and can be early by a part of one.
void Poller::State::start_timer() {
  const std::int64_t left = std::max<std::int64_t>(armed_for - steady_now(), 0);
  uv_update_time(&loop);
  uv_timer_start(
      timer,
      [](uv_timer_t* handle) {
        auto* state = static_cast<State*>(handle->data);
        if (steady_now() < state->armed_for) return state->start_timer();
        uv_async_send(state->wakeup);
      },
      static_cast<std::uint64_t>((left + 999'999) / 1'000'000), 0);
  let_loop_end(timer);
}

Poller::Poller(uv_loop_s& loop, const Guest* guest) : state_(std::make_unique<State>(loop)) {
  State& state = *state_;
  auto wakeup = std::make_unique<uv_async_t>();
  const int error = uv_async_init(&loop, wakeup.get(), [](uv_async_t* handle) {
    static_cast<State*>(handle->data)->woken = true;
  });
  if (error) throw std::system_error(-error, std::generic_category(), "uv_async_init");
  state.wakeup = wakeup.release();
  state.wakeup->data = &state;
  state.timer = new uv_timer_t;
  state.timer->data = &state;
  uv_timer_init(&loop, state.timer);
  if (!guest) return;

  state.host = false;
  state.guest = *guest;
  state.after_poll = new uv_check_t;
  state.after_poll->data = &state;
  uv_check_init(&loop, state.after_poll);
  uv_check_start(state.after_poll, [](uv_check_t* handle) {
    auto* on = static_cast<State*>(handle->data);
    if (!on->woken && on->collected.empty()) return;
    on->woken = false;
    on->guest.on_ready(on->guest.context);
  });
  let_loop_end(state.after_poll);
  let_loop_end(state.wakeup);
}

void Poller::State::close() {
  for (auto& [fd, descriptor] : descriptors) close_native(descriptor.handle);
  descriptors.clear();
  if (timer) close_native(std::exchange(timer, nullptr));
  if (after_poll) close_native(std::exchange(after_poll, nullptr));
  if (wakeup) close_native(std::exchange(wakeup, nullptr));
}

void Poller::close() { state_->close(); }

Poller::~Poller() = default;

int Poller::add(int fd, Interest interest, Trigger trigger, Token token) {
  auto place = state_->descriptors.find(fd);
  if (place == state_->descriptors.end()) {
    auto handle = std::make_unique<uv_poll_t>();
    place = state_->descriptors.try_emplace(fd, State::Descriptor{*state_, fd}).first;
    if (const int error = uv_poll_init(&state_->loop, handle.get(), fd)) {
      state_->descriptors.erase(place);
      return error;
    }
    place->second.handle = handle.release();
    place->second.handle->data = &place->second;
  }
  State::Descriptor& descriptor = place->second;
  descriptor.registrations.push_back({token, interest, trigger == Trigger::oneshot});
  const int error = descriptor.update();
  let_loop_end(descriptor.handle);
  if (error) remove(fd, token);
  return error;
}

int Poller::change(int fd, Interest interest, Trigger, Token token) {
  const auto place = state_->descriptors.find(fd);
  if (place == state_->descriptors.end()) return UV_ENOENT;
  for (Registration& registration : place->second.registrations) {
    if (registration.token == token) registration.interest = interest;
  }
  return place->second.update();
}

void Poller::remove(int fd, Token token) {
  const auto place = state_->descriptors.find(fd);
  if (place == state_->descriptors.end()) return;
  State::Descriptor& descriptor = place->second;
  std::erase_if(descriptor.registrations,
                [&](const Registration& registration) { return registration.token == token; });
  if (!descriptor.registrations.empty()) {
    descriptor.update();
    return;
  }
  uv_poll_stop(descriptor.handle);
  close_native(descriptor.handle);
  state_->descriptors.erase(place);
}

void Poller::forget(int fd, Token token) { remove(fd, token); }

std::span<const Event> Poller::wait(int timeout) {
  State& state = *state_;
  if (state.host) uv_run(&state.loop, timeout == 0 ? UV_RUN_NOWAIT : UV_RUN_ONCE);
  state.given.clear();
  state.given.swap(state.collected);
  return state.given;
}

// libuv has collected all there is.
bool Poller::may_have_more(const Event*) const { return false; }

bool Poller::looks_by_itself() const { return state_->host; }

bool Poller::resolve(Event&) { return false; }

// libuv ran inside wait().
void Poller::run_native() {}

bool Poller::native_ready() const { return false; }

void Poller::wake() noexcept {
  if (!state_->forked) uv_async_send(state_->wakeup);
}

void Poller::arm(std::int64_t nanoseconds) {
  state_->armed_for = nanoseconds;
  state_->start_timer();
}

bool Poller::native_alive(unsigned passive) const {
  const unsigned ours = state_->host ? 1 : 0;  // The wake-up is what run() waits on.
  const uv_loop_t& loop = state_->loop;
  return loop.active_handles + loop.active_reqs.count > passive + ours;
}

void Poller::keep_alive(bool alive) {
  if (state_->host) return;
  auto* handle = reinterpret_cast<uv_handle_t*>(state_->wakeup);
  alive ? uv_ref(handle) : uv_unref(handle);
}

// libuv's descriptor keeps its number, and stands for an empty set of the child's own.
void Poller::detach_from_parent(bool) noexcept {
  state_->forked = true;
#ifdef __linux__
  const int fresh = epoll_create1(EPOLL_CLOEXEC);
  if (fresh < 0) return;
  dup3(fresh, uv_backend_fd(&state_->loop), O_CLOEXEC);
  ::close(fresh);
#endif
}

}  // namespace reactor
