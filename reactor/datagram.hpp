// Datagrams: UDP and unix, one or many at a time, in both directions.
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

namespace reactor {

struct DatagramOptions {
  bool reuse_address = false;  ///< Several sockets on a port; each hears broadcast and multicast.
  bool reuse_port = false;     ///< Several sockets on a port; the kernel spreads senders over them.
  bool broadcast = false;      ///< May send to broadcast addresses.
  /// Report where each came in; always so when bound to any address.
  bool packet_info = false;
  bool receive_times = false;  ///< Report when the kernel received each.
  bool icmp_errors = false;    ///< Report to on_error which datagrams ICMP says did not arrive.
  /// Equal datagrams to or from one peer pass the kernel as one (GSO, GRO).
  bool segmentation_offload = true;
  /// Of datagrams that wait, each with 256 bytes for its addresses. A unix receiver that does not
  /// read keeps waiting only what is for it, which is no more than it leaves free for others.
  std::size_t max_queued_bytes = 1024 * 1024;
  WhenFull when_full = WhenFull::refuse;

  /// The most memory that a socket with these options takes in user space: the loop's buffers,
  /// which all of its datagram sockets share, and the queue. What deliver_later() copies is not in
  /// it.
  [[nodiscard]] std::uint64_t most_bytes() const;
};

/// A datagram socket, owned. What one callback sends leaves in as few system calls as there are.
///
///     auto socket = DatagramSocket::bind(loop, "127.0.0.1:9000");
///     if (!socket) return Failure(socket.error());
///     socket->on_received([&](std::span<const Datagram> batch) {
///       for (const Datagram& datagram : batch) socket->reply(datagram, datagram.bytes);
///     });
///
/// Lifetime  Destroying the socket is final: no callback comes after it, and what is queued is
///           lost. It keeps the loop running while it receives or has something queued.
/// Thread    The loop's thread only.
/// Cost      Buffers are the loop's: 4 MiB of addresses, of which the pages used are backed by
///           memory. One recvmmsg brings 64 messages, or coalesced, up to 4,096.
class DatagramSocket {
 public:
  using Bytes = std::span<const std::byte>;

  /// Port 0 lets the kernel choose one, which address() tells.
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

  /// To and from `peer` alone, whose ICMP errors on_error reports with any options. To a unix
  /// peer it has an abstract name that the kernel chooses, to be answered at.
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
  /// IPv4 with the IP header in front, over IPv6 without. It sends what stands behind the header;
  /// the checksum of ICMP is the sender's to compute, that of ICMPv6 the kernel's. Ports are not
  /// part of it: that of a receiver is ignored, that of a sender is 0. A ping socket receives ICMP
  /// without the IP header. The kernel computes its checksum and replaces the identifier of an echo
  /// request by the port that the socket is bound to.
  ///
  /// Errors    invalid_argument: not a datagram socket.
  [[nodiscard]] static Result<DatagramSocket> adopt(Loop& loop, Socket socket,
                                                    DatagramOptions options = {});

  /// Datagrams have come, in the order in which the kernel has them. Without on_received none are
  /// read. All of them count as delivered, also where the callback throws: see deliver_later().
  void on_received(Callback<void(std::span<const Datagram>)> on_received);

  /// Delivers copies of `rest` in the next iteration, as a batch of their own and before anything
  /// newer: for a callback that cannot handle the whole batch now, because it throws for example.
  void deliver_later(std::span<const Datagram> rest);

  /// Something could not be sent, or an earlier datagram found nobody (connection_refused; its
  /// subject says whom it was for): told from the loop, each error once an iteration, and sixteen
  /// at most. Not an end, the socket works on.
  void on_error(Callback<void(const Error&)> on_error);

  /// There is room again, after send() returned `refused`, or after the queue was full when a
  /// callback returned.
  void on_drained(Callback<void()> on_drained);

  /// To `to`; copied, as are all arguments, unless they are part of the batch that is delivered.
  /// From whichever address of this host the route says. A datagram that is `sent` in a callback
  /// and finds neither the kernel nor the queue with room when the callback returns is counted as
  /// dropped.
  WriteStatus send(const Address& to, Bytes bytes);
  WriteStatus send(const Address& to, std::string_view text);

  /// To the peer of a connected socket.
  WriteStatus send(Bytes bytes);
  WriteStatus send(std::string_view text);

  /// To the sender of `datagram`, from the address it was sent to, where that is known. Bytes that
  /// are part of the batch being delivered are not copied.
  WriteStatus reply(const Datagram& datagram, Bytes bytes);
  WriteStatus reply(const Datagram& datagram, std::string_view text);

  /// Reads no more until resume(); the kernel then drops what its buffer does not hold.
  void pause();
  void resume();

  /// Ends in order: reads no more, and keeps the loop running until what is queued has been sent.
  /// What is left when none of it could be sent for `timeout` is discarded: it counts as dropped,
  /// and on_error reports timed_out for each receiver. A unix peer that does not read is the case.
  void drain(Duration timeout = std::chrono::seconds(5));

  [[nodiscard]] const Address& address() const;
  [[nodiscard]] const DatagramCounters& counters() const;
  [[nodiscard]] std::size_t queued_bytes() const;

  /// What the kernel has dropped for want of room in the receive buffer; one system call.
  [[nodiscard]] std::uint64_t dropped_by_kernel() const;

  /// For its options, groups and addresses. A change is for what is sent after it: what the running
  /// callback has sent leaves first. Only what waits in the queue leaves under the new options, to
  /// the old peer. Call socket() anew before each change that is made through the descriptor.
  [[nodiscard]] Socket& socket();

 private:
  struct State;

  explicit DatagramSocket(Handle<State> state) : state_(std::move(state)) {}

  Handle<State> state_;
};

}  // namespace reactor
