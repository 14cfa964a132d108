// A simulated host: its computer, its system calls and what runs on it. Internal.
#pragma once

#include <memory>

#include "reactor/callback.hpp"
#include "reactor/loop.hpp"
#include "reactor/simulation/descriptors.hpp"
#include "reactor/simulation/environment.hpp"
#include "reactor/simulation/events.hpp"
#include "reactor/simulation/poller.hpp"
#include "reactor/simulation/system.hpp"

namespace reactor::inline v0::simulation {

class HostState {
 public:
  using Program = Callback<std::shared_ptr<void>(Loop&)>;

  HostState(Environment& of, Descriptors& descriptors, Computer& state)
      : world(of), computer(state), system(of, descriptors, &state) {}
  ~HostState();

  [[nodiscard]] Loop& loop();

  void start(Program program);
  void crash();
  void restart();
  void signal(int number);

  // ---- For the world's iterations

  /// The time from which on the loop has something to do.
  [[nodiscard]] Events::Nanoseconds due() const;
  void iterate();

  Environment& world;
  Computer& computer;
  System system;
  Events::Nanoseconds busy_until = 0;

 private:
  void stop();

  std::unique_ptr<Loop> loop_;
  const SimulatedPoller* poller_ = nullptr;  // Of the loop.
  bool iterates_ = false;
  Program program_;
  std::shared_ptr<void> running_;
};

}  // namespace reactor::simulation
