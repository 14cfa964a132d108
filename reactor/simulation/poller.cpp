#include "reactor/simulation/poller.hpp"

#include <uv.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace reactor::inline v0::simulation {

SimulatedPoller::SimulatedPoller(Environment& world, Computer& host, Descriptors& descriptors,
                                 Jobs& jobs, uv_loop_s& native)
    : Poller(true),
      world_(world),
      host_(host),
      descriptors_(descriptors),
      jobs_(jobs),
      native_(native) {
  world_.jobs[&native_] = &jobs_;
}

SimulatedPoller::~SimulatedPoller() { world_.jobs.erase(&native_); }

void SimulatedPoller::close() { jobs_.cancel_all_of(native_); }

int SimulatedPoller::add(int fd, Interest interest, Trigger trigger, Token token) {
  Socket* const socket = descriptors_.find(fd);
  if (!socket) {
    // A real descriptor: the world cannot wait for it.
    world_.trace.note("refused to watch descriptor " + std::to_string(fd) + " of the process");
    return -ENOTSUP;
  }
  if (const int error = socket->settle_on(host_)) return error;
  socket->add({&listed_, token, interest, trigger});
  return 0;
}

int SimulatedPoller::change(int fd, Interest interest, Trigger trigger, Token token) {
  Socket* const socket = descriptors_.find(fd);
  return socket && socket->change(token, interest, trigger) ? 0 : -ENOENT;
}

void SimulatedPoller::remove(int fd, Token token) {
  if (Socket* const socket = descriptors_.find(fd)) socket->remove(token);
}

Events::Nanoseconds SimulatedPoller::due() const { return woken_ || !listed_.empty() ? 0 : armed_; }

void SimulatedPoller::wait_for_world() {
  waiting_ = true;
  while (due() > world_.events.now()) {
    if (world_.step(Events::never)) continue;
    std::fprintf(stderr,
                 "reactor::simulation: a loop waits, and nothing in its world can wake it\n");
    std::abort();
  }
  waiting_ = false;
}

std::span<const Event> SimulatedPoller::wait(int timeout) {
  if (timeout < 0) wait_for_world();
  woken_ = false;
  if (armed_ <= world_.events.now()) armed_ = Events::never;
  native_ready_ = native_.closing_handles != nullptr;
  events_.clear();
  for (const auto& [socket, token] : std::exchange(listed_, {})) {
    Socket::Registration* const registration = socket->find(token);
    if (!registration || registration->list != &listed_ || !registration->is_listed) continue;
    registration->is_listed = false;
    const unsigned happened = socket->ready() & reported(registration->interest);
    if (happened == 0) continue;
    events_.push_back({happened, token});
    const bool once =
        registration->trigger == Trigger::edge || registration->interest == Interest::none;
    if (registration->trigger == Trigger::oneshot) {
      registration->is_disabled = true;
    } else if (!once) {
      registration->is_listed = true;
      listed_.push_back({socket, token});
    }
  }
  if (world_.chance.happens(world_.chance.rates.spurious, "spurious readiness")) {
    add_spurious_event();
  }
  return events_;
}

void SimulatedPoller::add_spurious_event() {
  std::vector<std::pair<Event, Socket::Registration*>> possible;
  for (Socket* const socket : descriptors_.all()) {
    if (!socket) continue;
    for (Socket::Registration* const registration : socket->registrations_in(listed_)) {
      const unsigned what = socket->may_be_spurious() & reported(registration->interest);
      const bool is_reported = std::any_of(
          events_.begin(), events_.end(),
          [registration](const Event& event) { return event.token == registration->token; });
      if (what == 0 || registration->is_disabled || is_reported) continue;
      possible.push_back({{what, registration->token}, registration});
    }
  }
  if (possible.empty()) return;
  const auto& [event, registration] = possible[world_.chance.order.below(possible.size())];
  registration->is_disabled = registration->trigger == Trigger::oneshot;
  events_.push_back(event);
}

void SimulatedPoller::run_ready_native() { uv_run(&native_, UV_RUN_NOWAIT); }

}  // namespace reactor::simulation
