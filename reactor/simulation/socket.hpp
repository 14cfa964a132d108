// What the simulated sockets have in common. Internal.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "reactor/platform/poller.hpp"
#include "reactor/simulation/endpoint.hpp"
#include "reactor/simulation/environment.hpp"
#include "reactor/socket_option.hpp"

namespace reactor::inline v0::simulation {

/// What may be ready, in the order in which it became so: of one poller.
using ReadyList = std::vector<std::pair<class Socket*, Token>>;

/// The bits of Happened that are reported to a registration with this interest.
[[nodiscard]] unsigned reported(Interest interest);

/// A socket of the simulated kernel. It exists as long as its world, since packets refer to it; the
/// descriptor may be closed long before.
///
/// A socket that is made outside of any host's loop belongs to no host at first. It gets its host
/// when it is bound to an address of one, or watched by a loop.
class Socket {
 public:
  struct Registration {
    ReadyList* list;
    Token token;
    Interest interest;
    Trigger trigger;
    bool is_listed = false;    // In that list.
    bool is_disabled = false;  // Oneshot, and it has been reported.
  };

  Socket(Environment& world, int family, int type) : world_(world), family_(family), type_(type) {}
  virtual ~Socket() = default;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  [[nodiscard]] int family() const { return family_; }
  [[nodiscard]] int type() const { return type_; }
  [[nodiscard]] Environment& world() const { return world_; }

  /// What poll(2) would report.
  [[nodiscard]] virtual unsigned ready() = 0;
  /// What a kernel may report although ready() does not.
  [[nodiscard]] virtual unsigned may_be_spurious() const {
    return Happened::readable | Happened::writable;
  }
  /// The descriptor was closed.
  virtual void close() = 0;
  /// The host crashed: the socket is gone without a packet.
  virtual void vanish() = 0;
  [[nodiscard]] virtual bool is_listening() const { return false; }
  /// Called once the socket has a host.
  virtual void begin() {}
  virtual void option_changed(int /*level*/, int /*number*/) {}

  /// Each returns 0 or more, or -errno.
  int bind(const Endpoint& to);
  [[nodiscard]] int take_error() { return std::exchange(error, 0); }
  /// Gives the socket a host, unless it has one.
  int settle_on(Computer& on);
  /// Gives it a port, unless it has one.
  int bind_to_any_port();
  void release_port();

  /// One descriptor less; closes the socket if it was the last one.
  void drop_use();

  void add(const Registration& registration);
  bool change(Token token, Interest interest, Trigger trigger);
  void remove(Token token);
  void remove_all() { registrations_.clear(); }
  [[nodiscard]] Registration* find(Token token);
  /// Those of one poller, in the order in which they were added.
  [[nodiscard]] std::vector<Registration*> registrations_in(const ReadyList& list);
  /// Something may have changed of what these bits of Happened report.
  void wake(unsigned what);

  [[nodiscard]] int int_option(int level, int number) const;
  /// `preset` if the option was never set.
  template <class T>
  [[nodiscard]] int int_option_or(const SocketOption<T>& option, int preset) const {
    const bool ipv6 = family_ == AF_INET6;
    const std::pair key(ipv6 ? option.ipv6_level : option.level,
                        ipv6 ? option.ipv6_number : option.number);
    return options.contains(key) ? int_option(key.first, key.second) : preset;
  }
  template <class T>
  [[nodiscard]] bool is_set(const SocketOption<T>& option) const {
    return int_option(option.level, option.number) != 0 ||
           (option.ipv6_number >= 0 && int_option(option.ipv6_level, option.ipv6_number) != 0);
  }

  Computer* host = nullptr;
  Endpoint local{};
  Endpoint peer_address{};
  bool is_bound = false;
  bool is_open = true;  // It has a descriptor, or will have one.
  int uses = 0;         // Its descriptors, and those that are on their way to a program.
  int error = 0;        // Pending, as SO_ERROR reports it.
  std::map<std::pair<int, int>, std::vector<std::uint8_t>> options;

 protected:
  /// Whether something on the host keeps the socket from having its local address.
  [[nodiscard]] virtual bool has_conflict() const;
  /// The host gives the socket the address to which it is bound. Returns 0 or -errno.
  virtual int claim_address();
  [[nodiscard]] bool is_only_ipv6() const;
  [[nodiscard]] bool has_chosen_port() const { return has_chosen_port_; }

 private:
  [[nodiscard]] bool conflicts_with(const Socket& other) const;

  Environment& world_;
  const int family_;
  const int type_;
  bool has_chosen_port_ = false;  // By the system.
  std::vector<Registration> registrations_;
};

}  // namespace reactor::simulation
