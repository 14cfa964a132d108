#include "reactor/simulation/world.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "reactor/address.hpp"
#include "reactor/simulation/host_state.hpp"
#include "reactor/simulation/stream_socket.hpp"

namespace reactor::inline v0::simulation {
namespace {

Ip ip_of(std::string_view text) {
  const bool ipv6 = text.find(':') != text.npos;
  const auto address =
      Address::parse((ipv6 ? "[" : "") + std::string(text) + (ipv6 ? "]:0" : ":0"));
  if (!address) throw std::invalid_argument("no address of a host: " + std::string(text));
  return endpoint_of(address->data(), address->size())->ip;
}

}  // namespace

struct World::State {
  explicit State(const WorldOptions& options)
      : environment(options), outside(environment, descriptors, nullptr), use(outside) {
    environment.step = [this](Events::Nanoseconds end) { return step(end); };
  }

  // What events capture may use the loops of the hosts.
  ~State() {
    environment.events.clear();
    hosts.clear();
  }

  struct Pair {
    Pair(Environment& world, Descriptors& descriptors, Computer& computer)
        : state(world, descriptors, computer), host(state) {}
    HostState state;
    Host host;
  };

  Host& host(const Ip& ip) {
    for (const auto& known : hosts) {
      if (known->state.computer.ip == ip) return known->host;
    }
    Computer& computer = environment.add_computer(ip);
    return hosts.emplace_back(std::make_unique<Pair>(environment, descriptors, computer))->host;
  }

  bool step(Events::Nanoseconds end);
  HostState* next_ready();

  Environment environment;
  Descriptors descriptors;
  System outside;
  std::vector<std::unique_ptr<Pair>> hosts;
  const platform::Use use;
};

// One of those whose loops have something to do now, by chance.
HostState* World::State::next_ready() {
  std::vector<HostState*> ready;
  for (const auto& each : hosts) {
    if (each->state.due() <= environment.events.now()) ready.push_back(&each->state);
  }
  return ready.empty() ? nullptr : ready[environment.chance.order.below(ready.size())];
}

// Events that are due come first, then an iteration of a loop; if there is neither, time passes.
bool World::State::step(Events::Nanoseconds end) {
  Events& events = environment.events;
  if (events.next() <= events.now()) {
    events.run_next();
    return true;
  }
  if (HostState* const host = next_ready()) {
    host->iterate();
    return true;
  }
  Events::Nanoseconds next = events.next();
  for (const auto& each : hosts) next = std::min(next, each->state.due());
  if (next == Events::never || next > end) {
    if (end != Events::never) events.set_now(end);
    return false;
  }
  events.set_now(next);
  return true;
}

World::World(const WorldOptions& options) : state_(std::make_unique<State>(options)) {}

World::~World() {
  if (const char* const path = std::getenv("UVREACTOR_TRACE")) {
    std::ofstream(path, std::ios::binary) << trace();
  }
}

Host& World::host(std::string_view address) { return state_->host(ip_of(address)); }

void World::name(std::string name, const std::vector<std::string>& addresses) {
  std::vector<Ip>& all = state_->environment.zone[std::move(name)];
  all.clear();
  for (const std::string& address : addresses) all.push_back(ip_of(address));
}

bool World::run_until(Callback<bool()> condition, Duration limit) {
  const Events::Nanoseconds end = saturating_sum(state_->environment.events.now(), limit.count());
  while (!condition()) {
    if (!state_->step(end)) return condition();
  }
  return true;
}

void World::run_for(Duration time) {
  (void)run_until([] { return false; }, time);
}

Duration World::now() const {
  return std::chrono::nanoseconds(state_->environment.events.now() - Events::start);
}

void World::at(Duration when, Callback<void()> function) {
  state_->environment.events.at(saturating_sum(when.count(), Events::start), std::move(function));
}

void World::link(const Link& link) { state_->environment.network.set_link(link); }

void World::link(std::string_view one, std::string_view other, const Link& link) {
  state_->environment.network.set_link(ip_of(one), ip_of(other), link);
  state_->environment.network.set_link(ip_of(other), ip_of(one), link);
}

void World::partition(std::string_view one, std::string_view other) {
  partition_one_way(one, other);
  partition_one_way(other, one);
}

void World::partition_one_way(std::string_view from, std::string_view to) {
  state_->environment.trace.note("partition from " + std::string(from) + " to " + std::string(to));
  state_->environment.network.cut(ip_of(from), ip_of(to));
}

void World::heal() {
  state_->environment.trace.note("heal");
  state_->environment.network.heal();
}

void World::heal(std::string_view one, std::string_view other) {
  state_->environment.trace.note("heal between " + std::string(one) + " and " + std::string(other));
  state_->environment.network.heal(ip_of(one), ip_of(other));
  state_->environment.network.heal(ip_of(other), ip_of(one));
}

void World::reset_connections(std::string_view one, std::string_view other) {
  state_->environment.trace.note("reset of all connections between " + std::string(one) + " and " +
                                 std::string(other));
  const Ip from = ip_of(one);
  const Ip to = ip_of(other);
  // Sockets are only added at the end, and none is by a reset.
  for (const auto& socket : state_->environment.sockets) {
    const bool is_between = socket->local.ip == from && socket->peer_address.ip == to;
    if (!is_between || socket->type() != SOCK_STREAM) continue;
    static_cast<StreamSocket&>(*socket).reset_by_network();
  }
}

void World::faults(const Faults& faults) { state_->environment.chance.rates = faults; }

std::uint64_t World::injected_faults() const { return state_->environment.chance.injected(); }

std::string World::trace() const { return state_->environment.trace.text(); }

void World::note(std::string text) { state_->environment.trace.note(std::move(text)); }

std::string World::pcap() const { return state_->environment.trace.pcap(); }

Random& World::random() { return state_->environment.chance.user; }

}  // namespace reactor::simulation
