#include "reactor/simulation/environment.hpp"

namespace reactor::inline v0::simulation {
Environment::Environment(const WorldOptions& with)
    : options(with),
      trace(events, with.capture),
      chance(with.seed, trace),
      network(events, chance),
      secrets(~with.seed) {
  Random random(with.seed);
  for (auto& seed : seeds) seed = random.next() | 1;
}

Computer& Environment::add_computer(const Ip& ip) {
  return *computers.emplace_back(std::make_unique<Computer>(ip, steady_to_wall, events));
}

Computer* Environment::computer(const Ip& ip, Computer* from) const {
  if (ip.is_loopback()) return from;
  for (const auto& known : computers) {
    if (known->ip == ip) return known.get();
  }
  return nullptr;
}

std::uint16_t Environment::next_port() {
  constexpr std::uint16_t first = 49'152;
  last_port_ = last_port_ == 65'535 ? first : static_cast<std::uint16_t>(last_port_ + 1);
  return last_port_;
}

}  // namespace reactor::simulation
