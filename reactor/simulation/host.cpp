#include "reactor/simulation/host.hpp"

#include <utility>

#include "reactor/simulation/host_state.hpp"

namespace reactor::inline v0::simulation {

Loop& Host::loop() { return state_.loop(); }

std::string Host::address() const { return to_string(state_.computer.ip); }

void Host::start(Program program) { state_.start(std::move(program)); }

void Host::crash() { state_.crash(); }

void Host::restart() { state_.restart(); }

bool Host::is_up() const { return state_.computer.is_up; }

void Host::pause(Duration length) {
  state_.world.trace.note("pause of " + to_string(state_.computer.ip));
  state_.busy_until = saturating_sum(state_.world.events.now(), length.count());
}

void Host::signal(int number) { state_.signal(number); }

std::chrono::sys_time<std::chrono::nanoseconds> Host::wall_now() const {
  return std::chrono::sys_time<std::chrono::nanoseconds>(
      std::chrono::nanoseconds(state_.computer.wall_at(state_.world.events.now())));
}

void Host::step_wall_clock(std::chrono::nanoseconds by) {
  state_.world.trace.note("wall clock of " + to_string(state_.computer.ip) + " stepped by " +
                          std::to_string(by.count()) + " ns");
  state_.computer.wall_offset += by.count();
}

void Host::run(Callback<void()> function) {
  const platform::Use use(state_.system);
  function();
}

}  // namespace reactor::simulation
