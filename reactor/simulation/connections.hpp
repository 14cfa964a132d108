// The TCP connections of a simulated host, and those that it keeps in TIME_WAIT. Internal.
#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>

#include "reactor/simulation/endpoint.hpp"
#include "reactor/simulation/events.hpp"

namespace reactor::inline v0::simulation {

/// No two connections of a host have the same two endpoints. The end that closes first keeps them
/// for a minute after the last packet.
class Connections {
 public:
  using Nanoseconds = Events::Nanoseconds;

  struct Key {
    std::uint16_t port;  // The local one. First, since a bind searches by it.
    Ip ip;
    Endpoint peer;
    auto operator<=>(const Key&) const = default;  // NOLINT(modernize-use-nullptr): as Ip's.
  };

  /// What a socket that binds to the port of a connection compares itself with.
  struct Held {
    const void* owner;
    bool reuses_address;
    bool reuses_port;
    Nanoseconds until = Events::never;
  };

  explicit Connections(const Events& events) : events_(events) {}

  [[nodiscard]] bool has(const Key& key) const {
    const auto place = held_.find(key);
    return place != held_.end() && place->second.until > events_.now();
  }

  /// Replaces a connection in TIME_WAIT, as a SYN does.
  void add(const Key& key, const Held& held) {
    forget_expired();
    held_.insert_or_assign(key, held);
  }

  /// It has ended without TIME_WAIT.
  void remove(const Key& key, const void* owner) {
    const auto place = held_.find(key);
    const bool is_its = place != held_.end() && place->second.owner == owner;
    if (is_its && place->second.until == Events::never) held_.erase(place);
  }

  /// TIME_WAIT begins, or begins again.
  void wait(const Key& key, const void* owner) {
    constexpr Nanoseconds time_wait = 60'000'000'000;
    const auto place = held_.find(key);
    if (place == held_.end() || place->second.owner != owner) return;
    place->second.until = events_.now() + time_wait;
    expiring_.emplace_back(place->second.until, key);
  }

  /// Whether `conflicts(ip, held)` for a connection with this local port.
  template <class Conflicts>
  [[nodiscard]] bool any_at(std::uint16_t port, Conflicts conflicts) const {
    for (auto each = held_.lower_bound({port, {}, {}}); each != held_.end(); ++each) {
      if (each->first.port != port) break;
      if (each->second.until > events_.now() && conflicts(each->first.ip, each->second)) {
        return true;
      }
    }
    return false;
  }

  void clear() {
    held_.clear();
    expiring_.clear();
  }

 private:
  void forget_expired() {
    for (; !expiring_.empty() && expiring_.front().first <= events_.now(); expiring_.pop_front()) {
      const auto place = held_.find(expiring_.front().second);
      if (place != held_.end() && place->second.until <= events_.now()) held_.erase(place);
    }
  }

  const Events& events_;
  std::map<Key, Held> held_;
  std::deque<std::pair<Nanoseconds, Key>> expiring_;
};

}  // namespace reactor::simulation
