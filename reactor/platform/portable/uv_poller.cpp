// The poller on uv_poll_t, wherever libuv runs: level-triggered only, one uv_poll_t for each
// descriptor, however many watchers it has.
#include <fcntl.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <map>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "reactor/platform/kernel.hpp"
#include "reactor/platform/native_timeout.hpp"
#include "reactor/platform/poller.hpp"

namespace reactor::inline v0::platform {
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

// A handle stays on the heap until libuv has closed it.
template <class Native>
void close_native(Native* handle) {
  uv_close(reinterpret_cast<uv_handle_t*>(handle),
           [](uv_handle_t* closed) { delete reinterpret_cast<Native*>(closed); });
}

template <class Native>
void let_loop_end(Native* handle) {
  uv_unref(reinterpret_cast<uv_handle_t*>(handle));
}

class UvPoller final : public Poller {
 public:
  explicit UvPoller(uv_loop_t& native) : Poller(false), loop_(native) {}
  ~UvPoller() override { UvPoller::close(); }

  void open(const Embedding* embedding);
  void close() override;
  int add(int fd, Interest interest, Trigger trigger, Token token) override;
  int change(int fd, Interest interest, Trigger trigger, Token token) override;
  void remove(int fd, Token token) override;
  std::span<const Event> wait(int timeout) override;
  [[nodiscard]] bool looks_by_itself() const override { return host_; }
  void wake() noexcept override;
  void arm(std::int64_t nanoseconds) override;
  [[nodiscard]] bool native_alive(unsigned unreferenced) const override;
  [[nodiscard]] int descriptor() const override { return uv_backend_fd(&loop_); }
  [[nodiscard]] int native_wait() override { return native_timeout(loop_); }
  void keep_alive(bool alive) override;
  void detach_from_parent(bool consistent) noexcept override;

 private:
  struct Descriptor {
    UvPoller& owner;
    int fd;
    uv_poll_t* handle = nullptr;
    std::vector<Registration> registrations{};

    int update();
    void collect(int status, int events);
  };

  void start_timer();

  uv_loop_t& loop_;
  bool host_ = true;
  Embedding embedding_{};
  bool woken_ = false;
  bool forked_ = false;
  uv_async_t* wakeup_ = nullptr;
  uv_timer_t* timer_ = nullptr;
  uv_check_t* after_poll_ = nullptr;  // Null when standalone.
  std::int64_t armed_for_ = 0;
  std::map<int, Descriptor> descriptors_;
  std::vector<Event> collected_;
  std::vector<Event> given_;
};

int UvPoller::Descriptor::update() {
  Interest all = Interest::none;
  for (const Registration& registration : registrations) all = all | registration.interest;
  if (all == Interest::none) return uv_poll_stop(handle);
  return uv_poll_start(handle, to_native(all), [](uv_poll_t* watch, int status, int events) {
    static_cast<Descriptor*>(watch->data)->collect(status, events);
  });
}

void UvPoller::Descriptor::collect(int status, int events) {
  // libuv reports a pending error of the socket as UV_EBADF, and has then stopped the handle.
  const bool failed = status < 0;
  for (Registration& registration : registrations) {
    const int wanted = to_native(registration.interest);
    if (wanted == 0 || (!failed && !(wanted & events))) continue;
    const unsigned happened = to_happened(failed ? wanted : wanted & events);
    owner.collected_.push_back({happened | (failed ? Happened::failed : 0), registration.token});
    if (registration.oneshot) registration.interest = Interest::none;
  }
  update();
}

// libuv's timers count whole milliseconds and can be early by a fraction of one.
void UvPoller::start_timer() {
  const std::int64_t left = std::max<std::int64_t>(armed_for_ - kernel::steady_now(), 0);
  uv_update_time(&loop_);
  uv_timer_start(
      timer_,
      [](uv_timer_t* handle) {
        auto* poller = static_cast<UvPoller*>(handle->data);
        if (kernel::steady_now() < poller->armed_for_) return poller->start_timer();
        uv_async_send(poller->wakeup_);
      },
      static_cast<std::uint64_t>((left + 999'999) / 1'000'000), 0);
  let_loop_end(timer_);
}

void UvPoller::open(const Embedding* embedding) {
  auto async = std::make_unique<uv_async_t>();
  const int error = uv_async_init(&loop_, async.get(), [](uv_async_t* handle) {
    static_cast<UvPoller*>(handle->data)->woken_ = true;
  });
  if (error) throw std::system_error(-error, std::generic_category(), "uv_async_init");
  wakeup_ = async.release();
  wakeup_->data = this;
  timer_ = new uv_timer_t;
  timer_->data = this;
  uv_timer_init(&loop_, timer_);
  if (!embedding) return;

  host_ = false;
  embedding_ = *embedding;
  after_poll_ = new uv_check_t;
  after_poll_->data = this;
  uv_check_init(&loop_, after_poll_);
  uv_check_start(after_poll_, [](uv_check_t* handle) {
    auto* on = static_cast<UvPoller*>(handle->data);
    if (!on->woken_ && on->collected_.empty()) return;
    on->woken_ = false;
    on->embedding_.on_ready(on->embedding_.context);
  });
  let_loop_end(after_poll_);
  let_loop_end(wakeup_);
}

void UvPoller::close() {
  for (auto& [fd, descriptor] : descriptors_) close_native(descriptor.handle);
  descriptors_.clear();
  if (timer_) close_native(std::exchange(timer_, nullptr));
  if (after_poll_) close_native(std::exchange(after_poll_, nullptr));
  if (wakeup_) close_native(std::exchange(wakeup_, nullptr));
}

int UvPoller::add(int fd, Interest interest, Trigger trigger, Token token) {
  auto place = descriptors_.find(fd);
  if (place == descriptors_.end()) {
    auto handle = std::make_unique<uv_poll_t>();
    place = descriptors_.try_emplace(fd, Descriptor{*this, fd}).first;
    if (const int error = uv_poll_init(&loop_, handle.get(), fd)) {
      descriptors_.erase(place);
      return error;
    }
    place->second.handle = handle.release();
    place->second.handle->data = &place->second;
  }
  Descriptor& descriptor = place->second;
  descriptor.registrations.push_back({token, interest, trigger == Trigger::oneshot});
  const int error = descriptor.update();
  let_loop_end(descriptor.handle);
  if (error) remove(fd, token);
  return error;
}

int UvPoller::change(int fd, Interest interest, Trigger, Token token) {
  const auto place = descriptors_.find(fd);
  if (place == descriptors_.end()) return UV_ENOENT;
  for (Registration& registration : place->second.registrations) {
    if (registration.token == token) registration.interest = interest;
  }
  return place->second.update();
}

void UvPoller::remove(int fd, Token token) {
  const auto place = descriptors_.find(fd);
  if (place == descriptors_.end()) return;
  Descriptor& descriptor = place->second;
  std::erase_if(descriptor.registrations,
                [&](const Registration& registration) { return registration.token == token; });
  if (!descriptor.registrations.empty()) {
    descriptor.update();
    return;
  }
  uv_poll_stop(descriptor.handle);
  close_native(descriptor.handle);
  descriptors_.erase(place);
}

// uv_run has collected all events, and has called back for libuv's own handles.
std::span<const Event> UvPoller::wait(int timeout) {
  if (host_) uv_run(&loop_, timeout == 0 ? UV_RUN_NOWAIT : UV_RUN_ONCE);
  given_.clear();
  given_.swap(collected_);
  return given_;
}

void UvPoller::wake() noexcept {
  if (!forked_) uv_async_send(wakeup_);
}

void UvPoller::arm(std::int64_t nanoseconds) {
  armed_for_ = nanoseconds;
  start_timer();
}

bool UvPoller::native_alive(unsigned unreferenced) const {
  const unsigned ours = host_ ? 1 : 0;  // The wake-up handle, on which run() waits.
  return loop_.active_handles + loop_.active_reqs.count > unreferenced + ours;
}

void UvPoller::keep_alive(bool alive) {
  if (host_) return;
  auto* handle = reinterpret_cast<uv_handle_t*>(wakeup_);
  alive ? uv_ref(handle) : uv_unref(handle);
}

// libuv's descriptor keeps its number, but now refers to that of a new loop, which watches nothing.
void UvPoller::detach_from_parent(bool) noexcept {
  forked_ = true;
  uv_loop_t fresh;
  if (uv_loop_init(&fresh) != 0) return;
  dup2(uv_backend_fd(&fresh), uv_backend_fd(&loop_));
  fcntl(uv_backend_fd(&loop_), F_SETFD, FD_CLOEXEC);
  uv_loop_close(&fresh);
}

}  // namespace

std::unique_ptr<Poller> kernel::new_poller(uv_loop_s& native, const Poller::Embedding* embedding) {
  auto poller = std::make_unique<UvPoller>(native);
  poller->open(embedding);
  return poller;
}

}  // namespace reactor::platform
