// Simulated UDP sockets. Internal.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <string>

#include "reactor/platform/kernel.hpp"
#include "reactor/simulation/socket.hpp"

namespace reactor::inline v0::simulation {

class DatagramSocketState final : public Socket {
 public:
  DatagramSocketState(Environment& world, int family) : Socket(world, family, SOCK_DGRAM) {}

  unsigned ready() override;
  void close() override;
  void vanish() override { close(); }

  // Each returns what the system call of this name returns, or -errno.
  int connect(const Endpoint& to);
  ssize_t send(const msghdr& message);
  int receive(platform::Message* messages, unsigned count);
  int receive_errors(platform::Message* messages, unsigned count);
  [[nodiscard]] bool has_peer() const { return has_peer_; }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }
  void join(const Ip& group) { groups_.insert(group); }
  void leave(const Ip& group) { groups_.erase(group); }

 private:
  struct Arrived {
    std::string bytes;
    Endpoint from;
    Ip to;
    std::int64_t when = 0;
  };

  void arrive_at(Computer& at, const Arrived& datagram, const Endpoint& to);
  /// Whether a datagram from there to here is for this socket.
  [[nodiscard]] bool takes(const Endpoint& from, const Endpoint& to) const;
  void arrive(Arrived datagram);
  /// The host there has no socket with that port.
  void refused(const Endpoint& by);
  void send_to(Computer& to, const Endpoint& from, const Endpoint& where, const std::string& bytes);
  [[nodiscard]] int send_one(const Endpoint& from, const Endpoint& to, const std::string& bytes);
  void write(const Arrived& datagram, platform::Message& message) const;

  bool has_peer_ = false;
  std::deque<Arrived> queue_;
  std::size_t queued_bytes_ = 0;
  std::deque<Endpoint> refused_;
  std::set<Ip> groups_;
  std::uint64_t dropped_ = 0;
};

}  // namespace reactor::simulation
