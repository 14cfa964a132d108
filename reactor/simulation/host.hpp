// One computer of a simulated world.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "reactor/callback.hpp"
#include "reactor/duration.hpp"
#include "reactor/loop.hpp"

namespace reactor::inline v0::simulation {
class HostState;

#pragma GCC visibility push(default)

/// A computer with one address, one loop and a clock of its own.
///
///     Host& server = world.host("10.0.0.1");
///     server.start([](Loop& loop) { return std::make_shared<Echo>(loop); });
///     world.at(3s, [&] { server.crash(); });
///     world.at(4s, [&] { server.restart(); });
///
/// Lifetime  Of its world.
/// Thread    That of its world.
class Host {
 public:
  /// Makes what runs on the host: an object that owns all its handles of the loop.
  using Program = Callback<std::shared_ptr<void>(Loop&)>;

  /// By World::host().
  explicit Host(HostState& state) : state_(state) {}
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  /// The loop of the host; another one after restart().
  [[nodiscard]] Loop& loop();
  [[nodiscard]] std::string address() const;

  /// Makes the program now, and again at each restart().
  void start(Program program);

  /// Destroys the program without a packet to its peers: they notice when they send, or never.
  /// From a callback of this host it takes effect just after that. All handles of the loop must be
  /// the program's.
  void crash();
  /// The program is made anew, on a new loop. Packets of older connections are answered with a
  /// reset.
  void restart();
  [[nodiscard]] bool is_up() const;

  /// The loop does not iterate for so long, as in a process that is stopped.
  void pause(Duration length);
  /// Delivers a signal to the Signal objects of the loop.
  void signal(int number);

  /// The wall clock: the time of the world, and what step_wall_clock() has added.
  [[nodiscard]] std::chrono::sys_time<std::chrono::nanoseconds> wall_now() const;
  void step_wall_clock(std::chrono::nanoseconds by);

  /// Calls `function` as a program of this host: its sockets and its Loops belong to the host.
  void run(Callback<void()> function);

 private:
  HostState& state_;
};

}  // namespace reactor::simulation
#pragma GCC visibility pop
