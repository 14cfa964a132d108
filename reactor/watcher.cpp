#include "reactor/watcher.hpp"

#include <string>
#include <utility>

#include "reactor/engine.hpp"

namespace reactor::inline v0 {
namespace {

// The events that a Watcher with this interest reports. Errors and hang-ups are always included.
unsigned wanted(Interest interest) {
  unsigned happened = Happened::failed | Happened::hung_up;
  if (interest & Interest::readable) happened |= Happened::readable;
  if (interest & Interest::writable) happened |= Happened::writable;
  if (interest & Interest::priority) happened |= Happened::priority;
  if (interest & Interest::peer_closed) happened |= Happened::peer_closed;
  return interest == Interest::none ? 0 : happened;
}

}  // namespace

Ready to_ready(unsigned happened) {
  return {.readable = (happened & Happened::readable) != 0,
          .writable = (happened & Happened::writable) != 0,
          .priority = (happened & Happened::priority) != 0,
          .failed = (happened & Happened::failed) != 0,
          .hung_up = (happened & Happened::hung_up) != 0,
          .peer_closed = (happened & Happened::peer_closed) != 0};
}

struct Watcher::State final : Source {
  State(Engine& engine, int descriptor, Interest what, Trigger when, Callback<void(Ready)> callback)
      : Source(engine, Kind::watcher),
        fd(descriptor),
        interest(what),
        trigger(when),
        on_ready_callback(std::move(callback)) {}

  void on_ready(unsigned happened) override {
    happened &= wanted(interest);
    if (!happened) return;
    // As in select and poll: the read or write that returns the end or the error does not block.
    if (happened & (Happened::failed | Happened::hung_up)) {
      happened |= wanted(interest) & (Happened::readable | Happened::writable);
    }
    if (trigger == Trigger::oneshot) interest = Interest::none;
    if (!engine().call(*this, on_ready_callback, to_ready(happened))) return;
  }

  [[nodiscard]] std::string describe() const override {
    return "watcher of descriptor " + std::to_string(fd);
  }

  void unregister() noexcept override {
    if (watched) engine().unwatch(*this, fd);
  }

  const int fd;
  bool watched = false;
  Interest interest;
  const Trigger trigger;
  Callback<void(Ready)> on_ready_callback;
};

Result<Watcher> Watcher::create(Loop& loop, int fd, Interest interest,
                                Callback<void(Ready)> on_ready, Trigger trigger) {
  const std::string subject = "descriptor " + std::to_string(fd);
  if (trigger == Trigger::edge && !loop.engine().has_edge_trigger()) {
    return Failure(system_error(EOPNOTSUPP, "watch", subject));
  }
  Watcher watcher(new State(loop.engine(), fd, interest, trigger, std::move(on_ready)));
  State& state = *watcher.state_;
  if (const int error = loop.engine().watch(state, fd, interest, trigger)) {
    return Failure(system_error(-error, "watch", subject));
  }
  state.watched = true;
  state.keep_loop_running(true);
  return watcher;
}

void Watcher::set_interest(Interest interest) {
  if (interest == state_->interest) return;
  state_->interest = interest;
  // A one-shot Watcher that has fired is already switched off in the kernel.
  state_->engine().rewatch(*state_, state_->fd, interest, state_->trigger);
}

Interest Watcher::interest() const { return state_->interest; }

int Watcher::fd() const { return state_->fd; }

void Watcher::set_name(std::string_view name) { state_->set_name(std::string(name)); }

}  // namespace reactor
