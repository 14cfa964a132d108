#include "reactor/simulation/network.hpp"

#include <algorithm>

namespace reactor::inline v0::simulation {
namespace {

constexpr std::size_t header_bytes = 40;
constexpr std::size_t most_segment_bytes = 1448;
constexpr Events::Nanoseconds within_host = 10'000;
constexpr Events::Nanoseconds first_repetition = 200'000'000;

}  // namespace

const Link& Network::link(const Ip& from, const Ip& to) const {
  if (links_.empty()) return link_;
  const auto place = links_.find({from, to});
  return place == links_.end() ? link_ : place->second;
}

Network::Nanoseconds Network::travel_time(const Ip& from, const Ip& to, const Link& on,
                                          std::size_t bytes) {
  if (from == to) return within_host;
  Nanoseconds queued = 0;
  if (on.bytes_per_second > 0) {
    Nanoseconds& busy = busy_until_[{from, to}];
    busy = std::max(busy, events_.now()) +
           static_cast<Nanoseconds>((bytes + header_bytes) * 1'000'000'000 / on.bytes_per_second);
    queued = busy - events_.now();
  }
  return queued + chance_.in(on.latency);
}

Network::Nanoseconds Network::segment_delay(const Ip& from, const Ip& to, std::size_t bytes) {
  constexpr int most_losses = 6;
  const Link& on = link(from, to);
  Nanoseconds delay = travel_time(from, to, on, bytes);
  Nanoseconds repetition = first_repetition;
  for (int losses = 0; from != to && losses < most_losses; ++losses, repetition *= 2) {
    if (!chance_.happens(on.loss, "segment lost")) break;
    delay += repetition;
  }
  return delay;
}

std::optional<Network::Nanoseconds> Network::datagram_delay(const Ip& from, const Ip& to,
                                                            std::size_t bytes) {
  const Link& on = link(from, to);
  if (from != to && chance_.happens(on.loss, "datagram lost")) return std::nullopt;
  return travel_time(from, to, on, bytes);
}

std::size_t Network::segment_bytes(const Ip& from, const Ip& to, std::size_t available) {
  const std::size_t most = std::min(available, most_segment_bytes);
  if (most < 2 || link(from, to).cut == Cut::full) return most;
  switch (chance_.sizes.below(4)) {
    case 0:
      return 1;
    case 1:
      return most - 1;
    case 2:
      return most;
    default:
      return 1 + chance_.sizes.below(most);
  }
}

}  // namespace reactor::simulation
