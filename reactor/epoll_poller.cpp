// The poller on Linux. Registrations that are edge-triggered cost no epoll_ctl after the first;
// the wake-up descriptor and the timer are edge-triggered too, so that neither is ever read.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "reactor/poller.hpp"

namespace reactor {
namespace {

static_assert(Happened::readable == EPOLLIN && Happened::priority == EPOLLPRI &&
              Happened::writable == EPOLLOUT && Happened::failed == EPOLLERR &&
              Happened::hung_up == EPOLLHUP && Happened::peer_closed == EPOLLRDHUP);

// Below Poller::reserved_tokens.
constexpr Token wake_token = 0;
constexpr Token timer_token = 1;
constexpr Token native_token = 2;

// Marks the tokens of nested sets; no generation of the engine has it.
constexpr Token nested_bit = Token{1} << 63;

// The kernel writes our events.
static_assert(sizeof(Event) == sizeof(epoll_event) &&
              offsetof(Event, happened) == offsetof(epoll_event, events) &&
              offsetof(Event, token) == offsetof(epoll_event, data));

std::uint32_t to_epoll(Interest interest, Trigger trigger) {
  // The kernel reports errors and hang-ups unasked; edge-triggered, that is at most once.
  if (interest == Interest::none) return EPOLLET;
  std::uint32_t events = 0;
  if (interest & Interest::readable) events |= EPOLLIN;
  if (interest & Interest::writable) events |= EPOLLOUT;
  if (interest & Interest::priority) events |= EPOLLPRI;
  if (interest & Interest::peer_closed) events |= EPOLLRDHUP;
  if (trigger == Trigger::edge) events |= EPOLLET;
  if (trigger == Trigger::oneshot) events |= EPOLLONESHOT;
  if (trigger == Trigger::exclusive) events |= EPOLLEXCLUSIVE;
  return events;
}

int control(int set, int operation, int fd, std::uint32_t events, Token token) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = token;
  return epoll_ctl(set, operation, fd, &event) == 0 ? 0 : -errno;
}

int new_set() { return epoll_create1(EPOLL_CLOEXEC); }
int new_wake_up() { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }
int new_timer() { return timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC); }

// Lets the number `fd` stand for `fresh`, or for nothing.
void replace(int fd, int fresh) {
  if (fd < 0) return;
  if (fresh < 0) {
    ::close(fd);
    return;
  }
  dup3(fresh, fd, O_CLOEXEC);
  ::close(fresh);
}

int check(int fd, const char* operation) {
  if (fd < 0) throw std::system_error(errno, std::generic_category(), operation);
  return fd;
}

}  // namespace

struct Poller::State {
  uv_loop_t& loop;
  int set = -1;
  int wake_fd = -1;
  int timer_fd = -1;
  uv_poll_t* guest_watch = nullptr;  // Null in the host position.
  Guest guest{};
  bool native_ready = false;
  // An epoll set knows a descriptor once. The second and later watchers of one get a set of their
  // own, which is a member of ours: each keeps its own interest and trigger.
  std::unordered_map<Token, int> nested_sets;
  std::array<Event, 256> events;

  explicit State(uv_loop_t& native) : loop(native) {}
  ~State();

  int wait(int timeout) {
    return epoll_wait(set, reinterpret_cast<epoll_event*>(events.data()),
                      static_cast<int>(events.size()), timeout);
  }
  std::span<const Event> collect(int timeout);
  std::span<const Event> collect_for_native(int timeout, int native_timeout);
  void add(int fd, std::uint32_t interest, Token token) const;
  void close_guest_watch();
  [[nodiscard]] bool has_active_natives(unsigned passive) const {
    return loop.active_handles + loop.active_reqs.count > passive;
  }
  [[nodiscard]] bool native_has_news() const;
  int native_timeout();
  unsigned nested_events(Token token);
  bool drop_nested(Token token);
};

Poller::State::~State() {
  close_guest_watch();
  for (const auto& [token, nested] : nested_sets) ::close(nested);
  for (const int fd : {timer_fd, wake_fd, set}) {
    if (fd >= 0) ::close(fd);
  }
}

// libuv tells its backend descriptor of new handles only when it runs. Its list of them is a ring
// that begins with a pointer to the next, whatever type a version gives it.
bool Poller::State::native_has_news() const {
  const void* next = nullptr;
  std::memcpy(&next, &loop.watcher_queue, sizeof next);
  return next != &loop.watcher_queue;
}

// How long libuv wants to sleep.
int Poller::State::native_timeout() {
  // With nothing active it runs only to close handles, and would not even look at its news.
  if (!has_active_natives(0)) return uv_loop_alive(&loop) ? 0 : -1;
  if (native_has_news()) return 0;
  const int timeout = uv_backend_timeout(&loop);
  if (timeout <= 0) [[likely]]
    return timeout;
  // It computes that from a clock that it read when it last ran, which may be long ago here.
  uv_update_time(&loop);
  return uv_backend_timeout(&loop);
}

std::span<const Event> Poller::State::collect(int timeout) {
  int count = wait(timeout);
  // A signal ends the wait without events, also of a process that was stopped and continues: what
  // arrived meanwhile is collected before any timer fires.
  if (count < 0) [[unlikely]]
    count = std::max(wait(0), 0);
  return {events.data(), static_cast<std::size_t>(count)};
}

// libuv has to run after `native_timeout` at the latest.
std::span<const Event> Poller::State::collect_for_native(int timeout, int native_timeout) {
  const bool sooner = timeout < 0 || native_timeout < timeout;
  const auto collected = collect(sooner ? native_timeout : timeout);
  native_ready |= native_timeout == 0 || collected.empty();
  return collected;
}

unsigned Poller::State::nested_events(Token token) {
  const auto found = nested_sets.find(token);
  epoll_event event;
  if (found == nested_sets.end() || epoll_wait(found->second, &event, 1, 0) != 1) return 0;
  return event.events;
}

bool Poller::State::drop_nested(Token token) {
  if (nested_sets.empty()) return false;
  const auto found = nested_sets.find(token);
  if (found == nested_sets.end()) return false;
  ::close(found->second);
  nested_sets.erase(found);
  return true;
}

Poller::Poller(uv_loop_s& loop, const Guest* guest) : state_(std::make_unique<State>(loop)) {
  State& state = *state_;
  state.set = check(new_set(), "epoll_create1");
  state.wake_fd = check(new_wake_up(), "eventfd");
  state.add(state.wake_fd, EPOLLIN | EPOLLET, wake_token);
  // Made now: the timer that waits for a free descriptor needs one itself.
  state.timer_fd = check(new_timer(), "timerfd_create");
  state.add(state.timer_fd, EPOLLIN | EPOLLET, timer_token);
  if (!guest) {
    state.add(uv_backend_fd(&loop), EPOLLIN, native_token);
    return;
  }

  state.guest = *guest;
  auto watch = std::make_unique<uv_poll_t>();
  watch->data = &state;
  if (const int error = uv_poll_init(&loop, watch.get(), state.set)) {
    throw std::system_error(-error, std::generic_category(), "uv_poll_init");
  }
  state.guest_watch = watch.release();
  uv_poll_start(state.guest_watch, UV_READABLE, [](uv_poll_t* handle, int, int) {
    const Guest& on = static_cast<State*>(handle->data)->guest;
    on.on_ready(on.context);
  });
  uv_unref(reinterpret_cast<uv_handle_t*>(state.guest_watch));
}

void Poller::close() { state_->close_guest_watch(); }

void Poller::State::add(int fd, std::uint32_t interest, Token token) const {
  if (const int error = control(set, EPOLL_CTL_ADD, fd, interest, token)) {
    throw std::system_error(-error, std::generic_category(), "epoll_ctl");
  }
}

void Poller::State::close_guest_watch() {
  uv_poll_t* const watch = std::exchange(guest_watch, nullptr);
  if (!watch) return;
  uv_poll_stop(watch);
  uv_close(reinterpret_cast<uv_handle_t*>(watch),
           [](uv_handle_t* handle) { delete reinterpret_cast<uv_poll_t*>(handle); });
}

Poller::~Poller() = default;

int Poller::add(int fd, Interest interest, Trigger trigger, Token token) {
  const std::uint32_t events = to_epoll(interest, trigger);
  const int result = control(state_->set, EPOLL_CTL_ADD, fd, events, token);
  if (result != -EEXIST) return result;

  const int nested = epoll_create1(EPOLL_CLOEXEC);
  if (nested < 0) return -errno;
  int error = control(nested, EPOLL_CTL_ADD, fd, events, 0);
  if (error == 0) {
    error = control(state_->set, EPOLL_CTL_ADD, nested, EPOLLIN, token | nested_bit);
  }
  if (error != 0) {
    ::close(nested);
    return error;
  }
  state_->nested_sets.emplace(token, nested);
  return 0;
}

int Poller::change(int fd, Interest interest, Trigger trigger, Token token) {
  if (trigger == Trigger::exclusive) {  // The kernel modifies no such registration.
    remove(fd, token);
    return add(fd, interest, trigger, token);
  }
  const auto nested = state_->nested_sets.find(token);
  if (nested != state_->nested_sets.end()) {
    return control(nested->second, EPOLL_CTL_MOD, fd, to_epoll(interest, trigger), 0);
  }
  return control(state_->set, EPOLL_CTL_MOD, fd, to_epoll(interest, trigger), token);
}

void Poller::remove(int fd, Token token) {
  if (state_->drop_nested(token)) return;
  control(state_->set, EPOLL_CTL_DEL, fd, 0, token);
}

// The kernel drops a registration with the last descriptor of the socket.
void Poller::forget(int, Token token) { state_->drop_nested(token); }

std::span<const Event> Poller::wait(int timeout) {
  State& state = *state_;
  const int native_timeout = state.guest_watch ? -1 : state.native_timeout();
  if (native_timeout >= 0) return state.collect_for_native(timeout, native_timeout);
  return state.collect(timeout);
}

bool Poller::may_have_more(const Event* end) const {
  return end == state_->events.data() + state_->events.size();
}

bool Poller::looks_by_itself() const { return true; }

bool Poller::resolve(Event& event) {
  if (event.token == native_token) state_->native_ready = true;
  if (!(event.token & nested_bit)) return false;
  const Token token = event.token & ~nested_bit;
  event = {state_->nested_events(token), token};
  return event.happened != 0;
}

void Poller::run_native() {
  if (!state_->native_ready) return;
  state_->native_ready = false;
  uv_run(&state_->loop, UV_RUN_NOWAIT);
}

bool Poller::native_ready() const { return state_->native_ready; }

void Poller::wake() noexcept {
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then a wake-up is pending anyway.
  [[maybe_unused]] const ssize_t written = ::write(state_->wake_fd, &one, sizeof one);
}

void Poller::arm(std::int64_t nanoseconds) {
  itimerspec when{};
  when.it_value.tv_sec = nanoseconds / 1'000'000'000;
  when.it_value.tv_nsec = nanoseconds % 1'000'000'000;
  timerfd_settime(state_->timer_fd, TFD_TIMER_ABSTIME, &when, nullptr);
}

bool Poller::native_alive(unsigned passive) const { return state_->has_active_natives(passive); }

void Poller::keep_alive(bool alive) {
  auto* watch = reinterpret_cast<uv_handle_t*>(state_->guest_watch);
  if (!watch) return;
  alive ? uv_ref(watch) : uv_unref(watch);
}

// The numbers stay, so that whatever is closed and unregistered later finds them: what they stand
// for is the child's own, and knows of nothing.
void Poller::detach_from_parent(bool consistent) noexcept {
  replace(state_->set, new_set());
  replace(state_->wake_fd, new_wake_up());
  replace(state_->timer_fd, new_timer());
  replace(uv_backend_fd(&state_->loop), new_set());
  if (!consistent) return;
  for (const auto& [token, nested] : state_->nested_sets) replace(nested, new_set());
}

}  // namespace reactor
