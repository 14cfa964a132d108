// The other end of a connection under test: a plain socket that acts only on request.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/loop.hpp"
#include "reactor/socket.hpp"
#include "reactor/watcher.hpp"

enum class Transport { tcp4, tcp6, unix_socket };

/// The transports that this machine has: all, unless it has no IPv6.
const std::vector<Transport>& transports();

/// An address where a test can listen: port 0, or an unused path of its own.
reactor::Address any_address(Transport transport);

/// A path for a unix socket that is not in use.
std::string unused_path();

/// A socket that is neither bound nor connected.
reactor::Socket open_socket(reactor::Family family = reactor::Family::ipv4,
                            reactor::SocketType type = reactor::SocketType::stream);

/// A socket that listens, without a Listener.
reactor::Socket listening_socket(Transport transport, int backlog = 16);

/// Connects to `address` before it returns.
reactor::Socket connect_to(const reactor::Address& address);

struct Buffers {
  int sender = 0;    ///< SO_SNDBUF of the first; 0 leaves it to the kernel.
  int receiver = 0;  ///< SO_RCVBUF of the second.
};
inline constexpr Buffers small_buffers{16 * 1024, 16 * 1024};

/// Two sockets, connected to each other.
std::array<reactor::Socket, 2> connected_sockets(Transport transport, Buffers buffers = {});

/// Text of any length, in which no two parts are equal.
class Pattern {
 public:
  static constexpr std::size_t period = 65521;  // A prime: no multiple of a buffer size.

  /// Up to `most` bytes of the endless text, from `offset` on.
  static std::string_view at(std::uint64_t offset, std::size_t most = period);

  /// The first `size` bytes.
  static std::string text(std::size_t size);
};

class Peer {
 public:
  /// Reads from the start, whenever the loop runs.
  Peer(reactor::Loop& loop, reactor::Socket socket);

  const std::string& received() const { return received_; }
  /// With keep(false), what arrives is compared to Pattern, and only counted.
  std::uint64_t received_bytes() const { return received_bytes_; }
  bool matches_pattern() const { return matches_pattern_; }
  void keep(bool keep) { keep_ = keep; }

  bool ended() const { return ended_; }  ///< An orderly end was read.
  int error() const { return error_; }   ///< The errno of the read that failed instead.
  bool over() const { return ended_ || error_ != 0; }

  /// Leaves arriving bytes in the kernel, until read_on().
  void hold();
  void read_on();

  /// From now on reads at most `most_at_once` bytes, and only once an iteration of the loop.
  void read_slowly(std::size_t most_at_once) { most_at_once_ = most_at_once; }

  /// Sends as much of `text` as the kernel takes now: nothing once the connection is reset.
  std::size_t send_some(std::string_view text);
  /// Sends all of `text`, which must fit.
  void send(std::string_view text);

  void finish();  ///< Sends no more, continues to read.
  void close();   ///< Both directions, in order.
  void reset();   ///< RST.

  reactor::Socket& socket() { return socket_; }

 private:
  void read();

  reactor::Socket socket_;
  std::string received_;
  std::uint64_t received_bytes_ = 0;
  std::size_t most_at_once_ = 256 * 1024;
  bool keep_ = true;
  bool matches_pattern_ = true;
  bool ended_ = false;
  int error_ = 0;
  std::vector<reactor::Watcher> watcher_;  // One, or none once closed.
};
