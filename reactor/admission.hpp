// Decides which connections a server has room for, and which of them make room for newer ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "reactor/address.hpp"
#include "reactor/callback.hpp"
#include "reactor/duration.hpp"
#include "reactor/idle_timeout.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"
#include "reactor/socket.hpp"
#include "reactor/stream.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// The connections that a server has turned away since it was made.
struct TurnedAway {
  std::uint64_t of_full_network = 0;    ///< Reset immediately: ServerOptions::max_per_network.
  std::uint64_t gave_way = 0;           ///< Unaccepted, reset for a newer one: max_unaccepted.
  std::uint64_t accepted_too_late = 0;  ///< Reset after ServerOptions::unaccepted_timeout.
};

/// The code of the Error that ends an unaccepted connection which makes room for a newer one. It
/// equals std::errc::connection_refused.
[[nodiscard]] std::error_code gave_way();

/// The code for one that was not accepted within ServerOptions::unaccepted_timeout. It equals
/// std::errc::timed_out.
[[nodiscard]] std::error_code not_accepted_in_time();

/// The code of the Error that Server::on_error receives when a network already has
/// ServerOptions::max_per_network connections. It equals std::errc::connection_refused.
[[nodiscard]] std::error_code too_many_of_network();

/// The number of descriptors that the servers of this process may use for connections. It is
/// RLIMIT_NOFILE less the descriptors that are open for anything else, and less `reserved`. Where
/// fewer than twice `reserved` are left beside the open ones, it is half of what is left.
///
/// Cost      Counts the open descriptors: a system call for some hundred of them.
[[nodiscard]] std::size_t descriptors_for_connections(std::size_t reserved);

/// The part of ServerOptions that limits the number of connections.
struct AdmissionLimits {
  std::size_t connections = 1;
  std::size_t descriptors = 1;  ///< What all servers of the process may use together.
  std::size_t descriptors_each = 1;
  std::size_t per_network = SIZE_MAX;
  std::size_t unaccepted = SIZE_MAX;
  Duration unaccepted_timeout = {};  ///< Zero: no connection has to be accepted.
};

/// The connections of one server, counted by the network of their peers. Those that the program has
/// not accepted yet by Stream::accept() are kept in the order in which they were made.
///
/// Thread    The loop's thread only; the descriptors in use are counted for the whole process.
/// Cost      None for a message. For a connection one look-up in a hash table, only where the
///           limits need it.
class Admission {
  struct [[gnu::visibility("hidden")]] Network;
  using Networks = std::unordered_map<Address, Network>;

 public:
  /// A connection that was turned away takes memory until its session has been notified. A server
  /// has at most this many of them.
  static constexpr std::size_t most_giving_way = 64;

  /// One connection, from when it is made until it ends or is turned away.
  class Entry final : AcceptObserver {
   public:
    Entry(Admission& admission, Stream& stream, const Address& peer);
    ~Entry() { leave(); }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    /// The connection has ended and no longer counts.
    void leave();

   private:
    friend class Admission;
    using Place = std::list<Entry*>::iterator;

    void on_accepted() override;
    void stop_waiting();

    Admission& admission_;
    Stream& stream_;
    Networks::value_type* network_ = nullptr;
    Place place_;             // While it waits: among all that wait,
    Place place_in_network_;  // and among those of its network.
    Loop::Clock::time_point since_;
    bool counts_ = true;
    bool waits_ = false;  // For accept().
  };

  /// `on_accepted` is called when a connection has been accepted, from within Stream::accept().
  Admission(Loop& loop, AdmissionLimits limits, Callback<void()> on_accepted);
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  /// Returns whether a connection from `peer` may be served. If necessary, another connection makes
  /// room for it; the on_close of that one is called later. When this returns false, reset() the
  /// socket.
  [[nodiscard]] bool make_room(const Address& peer);

  static void reset(Socket socket);

  /// No more connections can be served, and none can make room.
  [[nodiscard]] bool is_full() const { return is_at_limit() && unaccepted_.empty(); }

  /// It is full because other servers of the process use the descriptors. Nothing reports when they
  /// free some.
  [[nodiscard]] bool waits_for_others() const { return is_full() && count_ < limits_.connections; }

  [[nodiscard]] std::size_t connections() const { return count_; }
  [[nodiscard]] std::size_t unaccepted() const { return unaccepted_.size(); }
  [[nodiscard]] const TurnedAway& turned_away() const { return turned_away_; }

  /// The error for on_error, at most once a second: connections have been turned away.
  [[nodiscard]] std::optional<Error> news();

 private:
  struct Network {
    std::size_t connections = 0;
    std::list<Entry*> unaccepted = {};  // The oldest first.
  };

  [[nodiscard]] bool wants_acceptance() const { return limits_.unaccepted_timeout.count() > 0; }
  [[nodiscard]] bool knows_networks() const {
    return wants_acceptance() || limits_.per_network < limits_.connections;
  }
  [[nodiscard]] bool is_at_limit() const;
  static void turn_away(Entry& entry, std::error_code why);
  void note(std::error_code why, const Address& network);
  void end_late();

  Loop& loop_;
  const AdmissionLimits limits_;
  Callback<void()> on_accepted_;
  std::size_t count_ = 0;
  Networks networks_;
  std::list<Entry*> unaccepted_;     // The oldest first.
  std::optional<IdleTimeout> late_;  // For the oldest.
  TurnedAway turned_away_;
  std::optional<Error> news_;
  Loop::Clock::time_point silent_until_;
};

}  // namespace reactor
#pragma GCC visibility pop
