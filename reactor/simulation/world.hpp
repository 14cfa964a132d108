// A simulated network with its own time, in which unchanged servers and clients run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/callback.hpp"
#include "reactor/duration.hpp"
#include "reactor/simulation/conditions.hpp"
#include "reactor/simulation/host.hpp"
#include "reactor/simulation/random.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0::simulation {

/// A world of hosts, links and virtual time. The same seed gives the same run, byte for byte.
///
///     simulation::World world({.seed = 7});
///     Loop& server = world.host("10.0.0.1").loop();
///     Loop& client = world.host("10.0.0.2").loop();
///     world.link({.latency = {1ms, 40ms}, .loss = 0.01, .cut = simulation::Cut::anywhere});
///     world.at(3s, [&] { world.partition("10.0.0.1", "10.0.0.2"); });
///     world.at(5s, [&] { world.heal(); });
///     CHECK(world.run_until([&] { return done; }, 1h));  // Virtual time: it takes milliseconds.
///
/// Time passes only while all loops wait, and a little in each iteration. What a callback reads from
/// real clocks, files and threads is not simulated: use Loop::now(), Host::wall_now() and random().
/// An iteration of a loop throws what its callbacks throw, out of the function that runs the world.
///
/// Lifetime  Outlives all handles of its loops. One world at a time on a thread.
/// Thread    That of its constructor: all of the world runs on it.
class World {
 public:
  explicit World(const WorldOptions& options = {});
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  /// The host with this address, IPv4 or IPv6; made at the first call.
  Host& host(std::string_view address);
  /// The addresses of a name, for lookups on all hosts.
  void name(std::string name, const std::vector<std::string>& addresses);

  // ---- Running. Times count from the beginning of the world.

  /// True once `condition` holds; false if it does not within `limit` of virtual time from now, or
  /// if nothing more can happen. It is checked after each iteration of a loop and each event.
  bool run_until(Callback<bool()> condition, Duration limit);
  void run_for(Duration time);
  [[nodiscard]] Duration now() const;
  /// Calls `function` outside of all hosts, at this time or now, whichever is later.
  void at(Duration when, Callback<void()> function);

  // ---- The network

  /// All ways between hosts that have no link of their own.
  void link(const Link& link);
  /// The ways between these two hosts, in both directions.
  void link(std::string_view one, std::string_view other, const Link& link);
  /// No packet passes between the two, in both directions or in one, until heal().
  void partition(std::string_view one, std::string_view other);
  void partition_one_way(std::string_view from, std::string_view to);
  void heal();
  void heal(std::string_view one, std::string_view other);

  /// All connections between the two are reset, as a device between them may do.
  void reset_connections(std::string_view one, std::string_view other);

  // ---- Faults

  /// From now on; `faults({})` ends them.
  void faults(const Faults& faults);
  /// The faults injected by chance so far, lost packets included.
  [[nodiscard]] std::uint64_t injected_faults() const;

  // ---- What happened

  /// One line an event: the time in seconds, what, from where to where, how many bytes.
  [[nodiscard]] std::string trace() const;
  /// Adds a line to the trace.
  void note(std::string text);
  /// The packets that arrived, as a capture file for tshark and others. Needs `capture`.
  [[nodiscard]] std::string pcap() const;

  /// For decisions of the test and of the programs, so that the seed repeats them too.
  [[nodiscard]] Random& random();

 private:
  struct [[gnu::visibility("hidden")]] State;
  std::unique_ptr<State> state_;
};

}  // namespace reactor::simulation
#pragma GCC visibility pop
