// What all parts of a simulated world share. Internal.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "reactor/callback.hpp"
#include "reactor/platform/kernel.hpp"
#include "reactor/simulation/chance.hpp"
#include "reactor/simulation/conditions.hpp"
#include "reactor/simulation/connections.hpp"
#include "reactor/simulation/endpoint.hpp"
#include "reactor/simulation/events.hpp"
#include "reactor/simulation/network.hpp"
#include "reactor/simulation/random.hpp"
#include "reactor/simulation/socket_names.hpp"
#include "reactor/simulation/trace.hpp"

namespace reactor::inline v0::simulation {

class Jobs;
class Socket;

/// From the steady clock to the wall clock, in nanoseconds: a world begins on Monday, 1 January 2024,
/// 00:00 UTC.
constexpr std::int64_t steady_to_wall = 1'704'067'200'000'000'000 - Events::start;

/// The state of one host below its sockets.
struct Computer {
  using Ports = std::map<std::uint16_t, std::vector<Socket*>>;

  Computer(const Ip& address, std::int64_t wall_clock_offset, const Events& events)
      : ip(address), wall_offset(wall_clock_offset), connections(events) {}

  [[nodiscard]] Ports& ports(bool of_streams) { return of_streams ? tcp : udp; }
  /// The wall clock when the steady clock showed `steady`, in nanoseconds since 1970.
  [[nodiscard]] std::int64_t wall_at(std::int64_t steady) const { return steady + wall_offset; }

  const Ip ip;
  bool is_up = true;
  unsigned descriptors = 0;
  std::int64_t wall_offset;
  Ports tcp;
  Ports udp;
  Connections connections;
  SocketNames names;
  pid_t process = 1000;  // What runs on the host; another one after each restart.
};

struct Environment {
  explicit Environment(const WorldOptions& with);

  Computer& add_computer(const Ip& ip);
  /// The computer with this address, seen from `from`; null if there is none.
  [[nodiscard]] Computer* computer(const Ip& ip, Computer* from = nullptr) const;
  /// All hosts take ports from one range, so that a port in a trace names one socket.
  [[nodiscard]] std::uint16_t next_port();

  /// Sockets exist as long as the world, since packets refer to them.
  template <class T>
  T& make(int family_or_type) {
    auto made = std::make_shared<T>(*this, family_or_type);
    T& reference = *made;
    sockets.push_back(std::move(made));
    return reference;
  }

  const WorldOptions options;
  Events events;
  Trace trace;
  Chance chance;
  Network network;
  std::deque<std::shared_ptr<Socket>> sockets;
  std::vector<std::unique_ptr<Computer>> computers;
  std::map<std::string, std::vector<Ip>> zone;
  platform::HashSeeds seeds{};
  std::uint64_t last_file = 0;             ///< The number of the newest file of a unix socket.
  Random secrets;                          ///< What hosts take for unpredictable.
  std::map<const uv_loop_s*, Jobs*> jobs;  // By loop.
  /// Runs one iteration of a loop, or one event; false: nothing happens until `end`.
  Callback<bool(Events::Nanoseconds end)> step;

 private:
  std::uint16_t last_port_ = 49'151;
};

}  // namespace reactor::simulation
