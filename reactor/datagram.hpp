// Datagram sockets: UDP and unix, one or many datagrams at a time, in both directions.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/callback.hpp"
#include "reactor/datagram_types.hpp"
#include "reactor/duration.hpp"
#include "reactor/handle.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"
#include "reactor/socket.hpp"
#include "reactor/write_status.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// How a datagram socket is set up, and what it may queue.
struct DatagramOptions {
  bool reuse_address = false;  ///< Several sockets on a port; all get broadcast and multicast.
  bool reuse_port = false;     ///< Several sockets on a port; the kernel divides the senders.
  bool broadcast = false;      ///< May send to broadcast addresses.
  /// Report where each datagram arrived; always on when bound to any address.
  bool packet_info = false;
  bool receive_times = false;  ///< Report when the kernel received each datagram.
  bool icmp_errors = false;    ///< Report to on_error the datagrams that ICMP reports as lost.
  /// Datagrams of equal size to or from one peer pass through the kernel as one (GSO, GRO).
  bool segmentation_offload = true;
  /// The limit for datagrams that wait, each counted with 256 bytes for its addresses. A unix
  /// receiver that does not read delays only its own datagrams, and these take no more room than
  /// they leave free for others.
  std::size_t max_queued_bytes = 1024 * 1024;
  WhenFull when_full = WhenFull::refuse;

  /// The most memory that a socket with these options takes in user space: the loop's buffers,
  /// which all of its datagram sockets share, and the queue. The copies that deliver_later() makes
  /// are not included.
  [[nodiscard]] std::uint64_t most_bytes() const;
};

/// A datagram socket, owned. What one callback sends leaves in as few system calls as possible.
///
///     auto socket = DatagramSocket::bind(loop, "127.0.0.1:9000");
///     if (!socket) return Failure(socket.error());
///     socket->on_received([&](std::span<const Datagram> batch) {
///       for (const Datagram& datagram : batch) socket->reply(datagram, datagram.bytes);
///     });
///
/// Lifetime  Destroying the socket is final: no callback is called after it, and what is queued is
///           lost. The socket keeps the loop running while it receives or has something queued.
/// Thread    The loop's thread only.
/// Cost      The buffers belong to the loop: 4 MiB of address space, of which only the pages used
///           take memory. One recvmmsg receives 64 messages, or up to 4,096 datagrams with
///           segmentation offload.
class DatagramSocket {
 public:
  using Bytes = std::span<const std::byte>;

  /// With port 0 the kernel chooses a port, which address() returns.
  ///
  /// Errors    As Address::parse and Socket::bind.
  [[nodiscard]] static Result<DatagramSocket> bind(Loop& loop, const Address& local,
                                                   DatagramOptions options = {});
  [[nodiscard]] static Result<DatagramSocket> bind(Loop& loop, std::string_view local,
                                                   DatagramOptions options = {});

  /// One socket for each address of `HOST:PORT`, `[::1]:PORT` or `unix:PATH`, in the order of
  /// resolve_now: `localhost` has one for IPv4 and one for IPv6. For port 0 the kernel chooses one
  /// port for all. An address that this host does not have is left out if another one is left.
  ///
  /// Errors    As resolve_now and Socket::bind.
  [[nodiscard]] static Result<std::vector<DatagramSocket>> bind_all(Loop& loop,
                                                                    std::string_view endpoint,
                                                                    DatagramOptions options = {});

  /// Sends to and receives from `peer` alone. on_error reports its ICMP errors with any options.
  /// For a unix peer the socket has an abstract name that the kernel chooses, so that the peer can
  /// reply.
  ///
  /// Errors    As Socket::connect.
  [[nodiscard]] static Result<DatagramSocket> connect(Loop& loop, const Address& peer,
                                                      DatagramOptions options = {});

  /// Takes over a datagram, raw or ping socket, bound or connected or neither:
  ///
  ///     auto raw = Socket::open(Family::ipv4, SocketType::raw);  // ICMP.
  ///     if (!raw) return Failure(raw.error());
  ///     auto socket = DatagramSocket::adopt(loop, std::move(*raw));
  ///
  /// A raw socket receives a copy of every packet of its protocol that this host receives: over
  /// IPv4 with the IP header in front, over IPv6 without. It sends the bytes that follow the
  /// header. The sender computes the checksum of ICMP, the kernel that of ICMPv6. Raw sockets have
  /// no ports: that of a receiver is ignored, that of a sender is 0. A ping socket receives ICMP
  /// without the IP header. The kernel computes its checksum and replaces the identifier of an echo
  /// request by the port that the socket is bound to.
  ///
  /// Errors    invalid_argument: not a datagram socket.
  [[nodiscard]] static Result<DatagramSocket> adopt(Loop& loop, Socket socket,
                                                    DatagramOptions options = {});

  /// Datagrams have arrived, in the order in which the kernel has them. Without on_received none
  /// are read. All of them count as delivered, also when the callback throws: see deliver_later().
  void on_received(Callback<void(std::span<const Datagram>)> on_received);

  /// Delivers copies of `rest` in the next iteration, as a batch of their own and before anything
  /// newer: for a callback that cannot handle the whole batch now, because it throws for example.
  void deliver_later(std::span<const Datagram> rest);

  /// Something could not be sent, or an earlier datagram reached no receiver (connection_refused;
  /// its subject is the receiver). Called from the loop, once for each different error in an
  /// iteration, and at most sixteen times. The socket remains usable.
  void on_error(Callback<void(const Error&)> on_error);

  /// There is room again, after send() returned `refused`, or after the queue was full when a
  /// callback returned.
  void on_drained(Callback<void()> on_drained);

  /// Sends to `to`. All arguments are copied, except parts of the batch that is being delivered.
  /// The route determines the source address. A datagram for which a callback got `sent` counts as
  /// dropped if neither the kernel nor the queue has room for it when the callback returns.
  WriteStatus send(const Address& to, Bytes bytes);
  WriteStatus send(const Address& to, std::string_view text);

  /// Sends to the peer of a connected socket.
  WriteStatus send(Bytes bytes);
  WriteStatus send(std::string_view text);

  /// Sends to the sender of `datagram`, from the address it was sent to, if that is known. Bytes
  /// that are part of the batch being delivered are not copied.
  WriteStatus reply(const Datagram& datagram, Bytes bytes);
  WriteStatus reply(const Datagram& datagram, std::string_view text);

  /// Stops reading until resume(); the kernel drops what does not fit into its buffer.
  void pause();
  void resume();

  /// Ends in order: stops reading, and keeps the loop running until what is queued has been sent.
  /// If none of it could be sent for `timeout`, as to a unix peer that does not read, the rest is
  /// discarded: it counts as dropped, and on_error reports timed_out for each receiver.
  void drain(Duration timeout = std::chrono::seconds(5));

  [[nodiscard]] const Address& address() const;
  [[nodiscard]] const DatagramCounters& counters() const;
  [[nodiscard]] std::size_t queued_bytes() const;

  /// The datagrams that the kernel dropped because the receive buffer was full; a system call.
  [[nodiscard]] std::uint64_t dropped_by_kernel() const;

  /// For its options, groups and addresses. A change applies to what is sent after it: what the
  /// running callback has sent leaves first. Only what waits in the queue leaves under the new
  /// options, to the old peer. Call socket() again before each change that is made through the
  /// descriptor.
  [[nodiscard]] Socket& socket();

  /// The name by which Metrics and watch_slow_callbacks() report it.
  void set_name(std::string_view name);

 private:
  struct [[gnu::visibility("hidden")]] State;

  explicit DatagramSocket(Handle<State> state) : state_(std::move(state)) {}

  Handle<State> state_;
};

}  // namespace reactor
#pragma GCC visibility pop
