#include "reactor/simulation/host_state.hpp"

#include <uv.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace reactor::inline v0::simulation {

HostState::~HostState() { stop(); }

Loop& HostState::loop() {
  if (!loop_) {
    const platform::Use use(system);
    loop_ = std::make_unique<Loop>();
    poller_ = system.last_poller();
    (void)loop_->fd();  // From now on the loop wakes its poller whenever it has work.
  }
  return *loop_;
}

// ---- Its life

void HostState::start(Program program) {
  program_ = std::move(program);
  restart();
}

void HostState::restart() {
  if (computer.is_up && running_) return;
  if (!computer.is_up) {
    world.trace.note("restart of " + to_string(computer.ip));
    ++computer.process;
  }
  computer.is_up = true;
  const platform::Use use(system);
  if (program_) running_ = program_(loop());
}

void HostState::stop() {
  const platform::Use use(system);
  running_.reset();
  poller_ = nullptr;
  loop_.reset();
}

void HostState::crash() {
  if (!computer.is_up) return;
  if (iterates_) return world.events.after(0, [this] { crash(); });
  world.trace.note("crash of " + to_string(computer.ip));
  computer.is_up = false;
  for (const auto& socket : world.sockets) {
    if (socket->host == &computer) socket->vanish();
  }
  stop();
  computer.tcp.clear();
  computer.udp.clear();
  computer.connections.clear();
}

void HostState::signal(int number) {
  world.trace.note("signal " + std::to_string(number) + " to " + to_string(computer.ip));
  if (!loop_) return;
  std::vector<uv_signal_t*> handles;
  std::pair<std::vector<uv_signal_t*>*, int> search{&handles, number};
  uv_walk(
      &loop_->native(),
      [](uv_handle_t* handle, void* context) {
        auto& [found, wanted] = *static_cast<decltype(search)*>(context);
        auto* const signal = reinterpret_cast<uv_signal_t*>(handle);
        if (handle->type != UV_SIGNAL || uv_is_closing(handle) || !uv_is_active(handle)) return;
        if (signal->signum == wanted) found->push_back(signal);
      },
      &search);
  for (uv_signal_t* const handle : handles) handle->signal_cb(handle, number);
}

// ---- Iterations

Events::Nanoseconds HostState::due() const {
  if (!poller_ || iterates_ || poller_->is_waiting()) return Events::never;
  const Events::Nanoseconds due = poller_->due();
  return due == Events::never ? due : std::max(due, busy_until);
}

void HostState::iterate() {
  Chance& chance = world.chance;
  busy_until = world.events.now() + chance.in(world.options.iteration);
  if (chance.happens(chance.rates.pause, "pause")) {
    busy_until += chance.timing.between(0, chance.rates.longest_pause.count());
  }
  struct Iterating {
    explicit Iterating(bool& on) : flag(on) { flag = true; }
    ~Iterating() { flag = false; }
    Iterating(const Iterating&) = delete;
    Iterating& operator=(const Iterating&) = delete;
    bool& flag;
  };
  const Iterating iterating(iterates_);
  (void)loop_->poll();
}

}  // namespace reactor::simulation
