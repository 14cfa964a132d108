// The links between simulated hosts. Internal.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "reactor/simulation/chance.hpp"
#include "reactor/simulation/endpoint.hpp"
#include "reactor/simulation/events.hpp"

namespace reactor::inline v0::simulation {

class Network {
 public:
  using Nanoseconds = Events::Nanoseconds;

  Network(Events& events, Chance& chance) : events_(events), chance_(chance) {}

  void set_link(const Link& link) { link_ = link; }
  void set_link(const Ip& from, const Ip& to, const Link& link) { links_[{from, to}] = link; }
  [[nodiscard]] const Link& link(const Ip& from, const Ip& to) const;

  void cut(const Ip& from, const Ip& to) { cut_.insert({from, to}); }
  void heal(const Ip& from, const Ip& to) { cut_.erase({from, to}); }
  void heal() { cut_.clear(); }
  [[nodiscard]] bool is_cut(const Ip& from, const Ip& to) const {
    return !cut_.empty() && cut_.contains({from, to});
  }

  /// How long a segment takes that is repeated until it arrives.
  [[nodiscard]] Nanoseconds segment_delay(const Ip& from, const Ip& to, std::size_t bytes);
  /// How long a datagram takes; none if it is lost.
  [[nodiscard]] std::optional<Nanoseconds> datagram_delay(const Ip& from, const Ip& to,
                                                          std::size_t bytes);
  /// The length of the next segment of a stream that has this much to send.
  [[nodiscard]] std::size_t segment_bytes(const Ip& from, const Ip& to, std::size_t available);

 private:
  [[nodiscard]] Nanoseconds travel_time(const Ip& from, const Ip& to, const Link& on,
                                        std::size_t bytes);

  Events& events_;
  Chance& chance_;
  Link link_;
  std::map<std::pair<Ip, Ip>, Link> links_;
  std::set<std::pair<Ip, Ip>> cut_;
  std::map<std::pair<Ip, Ip>, Nanoseconds> busy_until_;  // Of the links that are limited.
};

}  // namespace reactor::simulation
