// The sending half of a datagram socket. Internal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "reactor/datagram_backlog.hpp"
#include "reactor/datagram_buffers.hpp"
#include "reactor/datagram_errors.hpp"
#include "reactor/datagram_sender.hpp"
#include "reactor/engine.hpp"
#include "reactor/socket.hpp"

namespace reactor::inline v0 {

/// Gathers what a callback sends, sends it, and queues what the kernel has no room for.
class DatagramOutput : public Source, private SocketObserver {
 public:
  using Bytes = std::span<const std::byte>;

  WriteStatus send(const Address* to, const PacketInfo* from, Bytes bytes) {
    if (is_special_) [[unlikely]]
      return send_special(to, from, bytes);
    return send_now(to, from, bytes);
  }

  [[nodiscard]] Socket& socket() { return socket_; }
  [[nodiscard]] const Socket& socket() const { return socket_; }
  [[nodiscard]] const Address& address() const { return address_; }
  [[nodiscard]] DatagramCounters& counters() { return counters_; }
  [[nodiscard]] std::size_t queued_bytes() const { return backlog_.bytes(); }

  /// The options or the peer of the socket change. Each datagram is sent with the options that the
  /// socket had when send() was called. A datagram that the kernel had no room for keeps only its
  /// receiver.
  void before_change() final;

 protected:
  struct Options {
    bool connected;
    bool reads_error_queue;
    bool segmentation_offload;
    bool takes_no_port;  // Raw IPv6 sockets refuse to send to an address with a port.
    bool room_is_reported;
    DatagramQueue::Limits queue;
  };

  DatagramOutput(Engine& engine, Socket socket, const Address& local, const Options& options);

  [[nodiscard]] DatagramBuffers& buffers() { return *buffers_; }
  [[nodiscard]] DatagramErrors& errors() { return errors_; }
  [[nodiscard]] DatagramBacklog& backlog() { return backlog_; }
  [[nodiscard]] const DatagramBacklog& backlog() const { return backlog_; }

  /// Sends what the running callback has gathered.
  void send_gathered() {
    if (buffers_->owner == this) send_outgoing();
  }

  /// Sends what waits. True when a caller that got `refused` may send again.
  [[nodiscard]] bool send_waiting();

  /// Discards what waits if that is still due. True when a caller that got `refused` may send
  /// again.
  [[nodiscard]] bool give_up();
  void give_up_after(Duration timeout);

 private:
  virtual void on_backlog_changed() = 0;

  void on_gathered(Bytes) final { send_gathered(); }

  WriteStatus send_special(const Address* to, const PacketInfo* from, Bytes bytes);
  [[gnu::always_inline]] WriteStatus send_now(const Address* to, const PacketInfo* from,
                                              Bytes bytes) {
    if (buffers_->owner == this) {
      if (buffers_->add(to, from, bytes)) return WriteStatus::sent;
      send_outgoing();
      if (is_special_) return send_special(to, from, bytes);  // It may have to wait now.
    }
    const bool gathering = engine().gather_itself(*this);  // False when no callback is running.
    if (!buffers_->add(to, from, bytes)) return too_long(to);
    if (!gathering) return send_at_once();
    buffers_->owner = this;
    return WriteStatus::sent;
  }
  WriteStatus send_at_once();
  WriteStatus too_long(const Address* to);
  void send_outgoing();
  void send_past_queue(std::span<Outgoing> rest, bool is_refused);
  WriteStatus enqueue(const Outgoing& datagram);
  void backlog_changed();
  [[nodiscard]] bool take_drained();

  Socket socket_;
  const Address address_;
  const bool takes_no_port_;
  bool is_special_;  // Addresses must be changed, or datagrams wait.
  const std::shared_ptr<DatagramBuffers> buffers_;
  DatagramCounters counters_;
  DatagramErrors errors_;  // Until on_error is called.
  DatagramSender sender_;
  DatagramBacklog backlog_;
};

}  // namespace reactor
