// The poller on Linux. Registrations that are edge-triggered cost no epoll_ctl after the first. The
// wake-up descriptor and the timer are edge-triggered too, so neither is ever read.
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

#include "reactor/platform/kernel.hpp"
#include "reactor/platform/native_timeout.hpp"
#include "reactor/platform/poller.hpp"

namespace reactor::inline v0::platform {
namespace {

static_assert(Happened::readable == EPOLLIN && Happened::priority == EPOLLPRI &&
              Happened::writable == EPOLLOUT && Happened::failed == EPOLLERR &&
              Happened::hung_up == EPOLLHUP && Happened::peer_closed == EPOLLRDHUP);

// Below Poller::reserved_tokens.
constexpr Token wake_token = 0;
constexpr Token timer_token = 1;
constexpr Token native_token = 2;

// Marks the tokens of nested sets; no generation of the engine has this bit.
constexpr Token nested_bit = Token{1} << 63;

// The kernel writes directly into Event.
static_assert(sizeof(Event) == sizeof(epoll_event) &&
              offsetof(Event, happened) == offsetof(epoll_event, events) &&
              offsetof(Event, token) == offsetof(epoll_event, data));

std::uint32_t to_epoll(Interest interest, Trigger trigger) {
  // The kernel always reports errors and hang-ups; edge-triggered, it does so at most once.
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

// Makes the number `fd` refer to `fresh`, or closes it.
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

class EpollPoller final : public Poller {
 public:
  explicit EpollPoller(uv_loop_t& native) : Poller(true), loop_(native) {}
  ~EpollPoller() override;

  void open(const Embedding* embedding);
  void close() override;
  int add(int fd, Interest interest, Trigger trigger, Token token) override;
  int change(int fd, Interest interest, Trigger trigger, Token token) override;
  void remove(int fd, Token token) override;
  // The kernel drops a registration with the last descriptor of the socket.
  void forget(int, Token token) override { drop_nested(token); }
  std::span<const Event> wait(int timeout) override;
  [[nodiscard]] bool may_have_more(const Event* end) const override {
    return end == events_.data() + events_.size();
  }
  bool resolve(Event& event) override;
  void wake() noexcept override;
  void arm(std::int64_t nanoseconds) override;
  [[nodiscard]] bool native_alive(unsigned unreferenced) const override {
    return has_active_natives(unreferenced);
  }
  [[nodiscard]] int descriptor() const override { return set_; }
  [[nodiscard]] int native_wait() override {
    return application_watch_ ? -1 : native_timeout(loop_);
  }
  void keep_alive(bool alive) override;
  void detach_from_parent(bool consistent) noexcept override;

 private:
  void run_ready_native() override { uv_run(&loop_, UV_RUN_NOWAIT); }
  int wait_in_kernel(int timeout) {
    return epoll_wait(set_, reinterpret_cast<epoll_event*>(events_.data()),
                      static_cast<int>(events_.size()), timeout);
  }
  std::span<const Event> collect(int timeout);
  std::span<const Event> collect_for_native(int timeout, int native_timeout);
  void add_own(int fd, std::uint32_t interest, Token token) const;
  [[nodiscard]] bool has_active_natives(unsigned unreferenced) const {
    return loop_.active_handles + loop_.active_reqs.count > unreferenced;
  }
  unsigned nested_events(Token token);
  bool drop_nested(Token token);

  uv_loop_t& loop_;
  int set_ = -1;
  int wake_fd_ = -1;
  int timer_fd_ = -1;
  uv_poll_t* application_watch_ = nullptr;  // Null when standalone.
  Embedding embedding_{};
  // An epoll set can contain a descriptor only once. The second and later watchers of a descriptor
  // get a set each, which is a member of the main set. So each keeps its own interest and trigger.
  std::unordered_map<Token, int> nested_sets_;
  std::array<Event, 256> events_;
};

EpollPoller::~EpollPoller() {
  EpollPoller::close();
  for (const auto& [token, nested] : nested_sets_) ::close(nested);
  for (const int fd : {timer_fd_, wake_fd_, set_}) {
    if (fd >= 0) ::close(fd);
  }
}

std::span<const Event> EpollPoller::collect(int timeout) {
  int count = wait_in_kernel(timeout);
  // A signal ends the wait without events, also when a stopped process continues. What arrived
  // meanwhile is collected before any timer fires.
  if (count < 0) [[unlikely]]
    count = std::max(wait_in_kernel(0), 0);
  return {events_.data(), static_cast<std::size_t>(count)};
}

// libuv has to run after `native_timeout` at the latest.
std::span<const Event> EpollPoller::collect_for_native(int timeout, int native_timeout) {
  const bool sooner = timeout < 0 || native_timeout < timeout;
  const auto collected = collect(sooner ? native_timeout : timeout);
  native_ready_ |= native_timeout == 0 || collected.empty();
  return collected;
}

unsigned EpollPoller::nested_events(Token token) {
  const auto found = nested_sets_.find(token);
  epoll_event event;
  if (found == nested_sets_.end() || epoll_wait(found->second, &event, 1, 0) != 1) return 0;
  return event.events;
}

bool EpollPoller::drop_nested(Token token) {
  if (nested_sets_.empty()) return false;
  const auto found = nested_sets_.find(token);
  if (found == nested_sets_.end()) return false;
  ::close(found->second);
  nested_sets_.erase(found);
  return true;
}

void EpollPoller::open(const Embedding* embedding) {
  set_ = check(new_set(), "epoll_create1");
  wake_fd_ = check(new_wake_up(), "eventfd");
  add_own(wake_fd_, EPOLLIN | EPOLLET, wake_token);
  // Made now: the timer that waits for a free descriptor needs a descriptor itself.
  timer_fd_ = check(new_timer(), "timerfd_create");
  add_own(timer_fd_, EPOLLIN | EPOLLET, timer_token);
  if (!embedding) {
    add_own(uv_backend_fd(&loop_), EPOLLIN, native_token);
    return;
  }

  embedding_ = *embedding;
  auto watch = std::make_unique<uv_poll_t>();
  watch->data = this;
  if (const int error = uv_poll_init(&loop_, watch.get(), set_)) {
    throw std::system_error(-error, std::generic_category(), "uv_poll_init");
  }
  application_watch_ = watch.release();
  uv_poll_start(application_watch_, UV_READABLE, [](uv_poll_t* handle, int, int) {
    const Embedding& on = static_cast<EpollPoller*>(handle->data)->embedding_;
    on.on_ready(on.context);
  });
  uv_unref(reinterpret_cast<uv_handle_t*>(application_watch_));
}

void EpollPoller::add_own(int fd, std::uint32_t interest, Token token) const {
  if (const int error = control(set_, EPOLL_CTL_ADD, fd, interest, token)) {
    throw std::system_error(-error, std::generic_category(), "epoll_ctl");
  }
}

void EpollPoller::close() {
  uv_poll_t* const watch = std::exchange(application_watch_, nullptr);
  if (!watch) return;
  uv_poll_stop(watch);
  uv_close(reinterpret_cast<uv_handle_t*>(watch),
           [](uv_handle_t* handle) { delete reinterpret_cast<uv_poll_t*>(handle); });
}

int EpollPoller::add(int fd, Interest interest, Trigger trigger, Token token) {
  const std::uint32_t events = to_epoll(interest, trigger);
  const int result = control(set_, EPOLL_CTL_ADD, fd, events, token);
  if (result != -EEXIST) return result;

  const int nested = epoll_create1(EPOLL_CLOEXEC);
  if (nested < 0) return -errno;
  int error = control(nested, EPOLL_CTL_ADD, fd, events, 0);
  if (error == 0) {
    error = control(set_, EPOLL_CTL_ADD, nested, EPOLLIN, token | nested_bit);
  }
  if (error != 0) {
    ::close(nested);
    return error;
  }
  nested_sets_.emplace(token, nested);
  return 0;
}

int EpollPoller::change(int fd, Interest interest, Trigger trigger, Token token) {
  if (trigger == Trigger::exclusive) {  // The kernel cannot modify such a registration.
    remove(fd, token);
    return add(fd, interest, trigger, token);
  }
  const auto nested = nested_sets_.find(token);
  if (nested != nested_sets_.end()) {
    return control(nested->second, EPOLL_CTL_MOD, fd, to_epoll(interest, trigger), 0);
  }
  return control(set_, EPOLL_CTL_MOD, fd, to_epoll(interest, trigger), token);
}

void EpollPoller::remove(int fd, Token token) {
  if (drop_nested(token)) return;
  control(set_, EPOLL_CTL_DEL, fd, 0, token);
}

std::span<const Event> EpollPoller::wait(int timeout) {
  const int until_native = native_wait();
  if (until_native >= 0) return collect_for_native(timeout, until_native);
  return collect(timeout);
}

bool EpollPoller::resolve(Event& event) {
  if (event.token == native_token) native_ready_ = true;
  if (!(event.token & nested_bit)) return false;
  const Token token = event.token & ~nested_bit;
  event = {nested_events(token), token};
  return event.happened != 0;
}

void EpollPoller::wake() noexcept {
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then a wake-up is pending already.
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof one);
}

void EpollPoller::arm(std::int64_t nanoseconds) {
  itimerspec when{};
  when.it_value.tv_sec = nanoseconds / 1'000'000'000;
  when.it_value.tv_nsec = nanoseconds % 1'000'000'000;
  timerfd_settime(timer_fd_, TFD_TIMER_ABSTIME, &when, nullptr);
}

void EpollPoller::keep_alive(bool alive) {
  auto* watch = reinterpret_cast<uv_handle_t*>(application_watch_);
  if (!watch) return;
  alive ? uv_ref(watch) : uv_unref(watch);
}

// The descriptor numbers stay valid, so that they can be closed and unregistered later. They now
// refer to new objects of the child, which watch nothing.
void EpollPoller::detach_from_parent(bool consistent) noexcept {
  replace(set_, new_set());
  replace(wake_fd_, new_wake_up());
  replace(timer_fd_, new_timer());
  replace(uv_backend_fd(&loop_), new_set());
  if (!consistent) return;
  for (const auto& [token, nested] : nested_sets_) replace(nested, new_set());
}

}  // namespace

std::unique_ptr<Poller> kernel::new_poller(uv_loop_s& native, const Poller::Embedding* embedding) {
  auto poller = std::make_unique<EpollPoller>(native);
  poller->open(embedding);
  return poller;
}

}  // namespace reactor::platform
