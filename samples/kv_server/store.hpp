// The keys of the server: strings, each with a time at which it expires or without.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "reactor/loop.hpp"
#include "reactor/timer.hpp"

namespace kv {

using Time = reactor::Loop::Clock::time_point;

/// SipHash-1-3 with a secret of the process: a client cannot choose keys that all collide.
class SeededHash {
 public:
  using is_transparent = void;
  SeededHash();
  [[nodiscard]] std::size_t operator()(std::string_view key) const;

 private:
  std::array<std::uint64_t, 2> secret_;
};

/// Keys are removed when they are used after their time, and by a timer at that time.
class Store {
 public:
  Store(reactor::Loop& loop, std::size_t max_bytes);

  /// Valid until the store changes.
  [[nodiscard]] const std::string* find(std::string_view key);

  /// Whether a key that gets a new value still expires at its time.
  enum class Expiry : unsigned char { removed, kept };

  /// False if the store has no room for the value. What the key had is then unchanged.
  [[nodiscard]] bool set(std::string_view key, std::string_view value, Expiry expiry);

  /// Whether the key was there.
  bool erase(std::string_view key);
  void clear();

  [[nodiscard]] std::optional<Time> expiry(std::string_view key);
  /// Without a time the key does not expire. It must exist.
  void set_expiry(std::string_view key, std::optional<Time> expiry);

  /// Keys expire only when they are used from now on, so that the loop can end.
  void stop_timer();

  [[nodiscard]] Time now() { return loop_.now(); }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] std::size_t expiring() const { return expiries_.size(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t max_bytes() const { return max_bytes_; }
  [[nodiscard]] std::uint64_t expired() const { return expired_; }

  /// About how many bytes a key costs beside its own and those of its value.
  static constexpr std::size_t bytes_each = 192;

 private:
  using Expiries = std::multimap<Time, std::string_view>;  // Views of the keys of entries_.
  struct Entry {
    std::string value;
    std::optional<Expiries::iterator> expiry;
  };
  using Entries = std::unordered_map<std::string, Entry, SeededHash, std::equal_to<>>;

  [[nodiscard]] Entries::iterator look_up(std::string_view key);
  void remove(Entries::iterator entry);
  void expire_some();
  void update_timer();

  reactor::Loop& loop_;
  const std::size_t max_bytes_;
  Entries entries_;
  Expiries expiries_;
  std::size_t bytes_ = 0;
  std::uint64_t expired_ = 0;
  bool has_timer_ = true;
  std::optional<Time> timer_at_;
  reactor::Timer timer_;
};

}  // namespace kv
