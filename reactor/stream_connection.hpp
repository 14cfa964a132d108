// The socket of a stream, its peer, and its registration with the poller. Internal.
#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <span>
#include <string>

#include "reactor/address.hpp"
#include "reactor/engine.hpp"
#include "reactor/socket.hpp"

namespace reactor::inline v0 {

/// A peer's address in the size of an IPv6 one, a fraction of an Address.
class CompactAddress {
 public:
  explicit CompactAddress(const Address& address);

  [[nodiscard]] bool operator==(const CompactAddress& other) const;
  [[nodiscard]] std::string to_string() const;

 private:
  sockaddr_in6 bytes_{};
};

/// TCP can connect a socket to itself: when no socket listens on a port of this host, and the
/// kernel chooses that port for the client. Such a connection counts as refused.
[[nodiscard]] bool is_connected_to_itself(const Socket& socket, const CompactAddress& peer);

class StreamConnection {
 public:
  using Bytes = std::span<const std::byte>;

  StreamConnection(Socket socket, const Address& peer) : socket_(std::move(socket)), peer_(peer) {}

  [[nodiscard]] bool is_open() const { return static_cast<bool>(socket_); }
  [[nodiscard]] int fd() const { return socket_.fd(); }
  [[nodiscard]] Socket& socket() { return socket_; }
  [[nodiscard]] const Socket& socket() const { return socket_; }
  [[nodiscard]] std::string peer() const { return peer_.to_string(); }
  void set_peer(const Address& peer) { peer_ = CompactAddress(peer); }

  /// The error that `operation` ended with.
  [[nodiscard]] Error error(int number, const char* operation) const {
    return system_error(number, operation, peer());
  }
  /// The error that the kernel has for the socket and that no read will report; empty if it has
  /// none.
  [[nodiscard]] Error take_error(const char* operation);

  /// Bytes that the kernel has not sent, or the peer has not acknowledged. For a unix socket, bytes
  /// that the peer has not read.
  [[nodiscard]] int unsent_bytes() const;

  [[nodiscard]] bool is_to_itself() const { return is_connected_to_itself(socket_, peer_); }

  /// Sends both in one system call. Returns the number of bytes, or -errno.
  [[nodiscard]] std::ptrdiff_t send(Bytes first, Bytes second, int flags) const;

  /// Sends the end of the stream.
  void send_end() const;

  /// Registers `source` for what it waits for. An edge-triggered registration is for all input for
  /// its whole life, and for output once that was `wanted`. Returns 0 or -errno.
  [[nodiscard]] int wait_for(Source& source, Interest wanted);
  [[nodiscard]] Interest waits_for() const { return registered_; }

  /// Unregisters and closes the socket; with `reset`, by a reset, because an orderly end would mean
  /// to the peer that it has received everything.
  void close(Source& source, bool reset);

 private:
  Socket socket_;
  Interest registered_ = Interest::none;
  bool watched_ = false;
  CompactAddress peer_;
};

}  // namespace reactor
