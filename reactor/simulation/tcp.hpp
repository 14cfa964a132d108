// Simulated stream sockets: TCP, and the unix sockets of one host. Internal.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <string>

#include "reactor/simulation/events.hpp"
#include "reactor/simulation/socket.hpp"
#include "reactor/simulation/trace.hpp"

namespace reactor::inline v0::simulation {

/// Bytes in order, taken from the front.
class Bytes {
 public:
  [[nodiscard]] std::size_t size() const { return bytes_.size() - from_; }
  [[nodiscard]] const char* data() const { return bytes_.data() + from_; }
  void append(const char* data, std::size_t size) { bytes_.append(data, size); }
  void drop(std::size_t size) {
    from_ += size;
    if (from_ * 2 < bytes_.size()) return;
    bytes_.erase(0, from_);
    from_ = 0;
  }
  void clear() {
    bytes_ = {};
    from_ = 0;
  }

 private:
  std::string bytes_;
  std::size_t from_ = 0;
};

/// One end of a connection, or a listening socket. It behaves as Linux does, seen through the
/// system calls; there are no real segment headers, windows or congestion control.
class StreamSocket final : public Socket {
 public:
  StreamSocket(Environment& world, int family) : Socket(world, family, SOCK_STREAM) {}

  unsigned ready() override;
  [[nodiscard]] unsigned may_be_spurious() const override;
  void close() override;
  void vanish() override;
  void begin() override;
  [[nodiscard]] bool is_listening() const override { return state_ == State::listening; }

  // Each returns what the system call of this name returns, or -errno.
  int connect(const Endpoint& to);
  int listen(int backlog);
  /// Null: there is none.
  [[nodiscard]] StreamSocket* accept();
  void put_back(StreamSocket& accepted) { accepted_.push_front(&accepted); }
  ssize_t recv(char* to, std::size_t size, bool peek);
  ssize_t send(const char* data, std::size_t size);
  int shutdown(int how);
  [[nodiscard]] int unsent_bytes() const;
  [[nodiscard]] bool has_peer() const { return state_ == State::connected; }

  /// The connection is reset, as if by the peer or by a device between.
  void reset_by_network();
  /// Both ends are connected at once.
  static void join(StreamSocket& left, StreamSocket& right);

 private:
  enum class State : unsigned char { fresh, listening, connecting, connected, ended };

  // ---- Sending, of one end.
  void pump();
  void retry_later();
  void acknowledge(std::size_t size);
  void acknowledged(std::size_t size);
  [[nodiscard]] Events::Nanoseconds arrival(std::size_t bytes);
  [[nodiscard]] bool reaches_peer() const;
  [[nodiscard]] bool is_writable() const;
  [[nodiscard]] std::size_t send_buffer_bytes() const;
  [[nodiscard]] std::size_t receive_buffer_bytes() const;

  // ---- Arrivals at one end.
  void segment_arrives(std::string bytes, bool is_end, Packet packet);
  void reset_arrives();
  void send_reset();
  void answer_unknown(StreamSocket& sender);
  [[nodiscard]] bool is_gone() const { return vanished_ || state_ == State::ended; }

  // ---- The handshake.
  [[nodiscard]] static StreamSocket* listener_at(Computer& computer, const Endpoint& at);
  void send_syn(int attempt);
  void repeat_syn(int attempt);
  void syn_arrives(StreamSocket& client, int attempt);
  void syn_ack_arrives(StreamSocket& server);
  void ack_arrives(StreamSocket& listener);
  void fail(int number);
  void leave();
  [[nodiscard]] Packet packet(Packet::Kind kind, std::size_t size = 0) const;

  State state_ = State::fresh;
  StreamSocket* peer_ = nullptr;
  bool vanished_ = false;

  // What arrives.
  Bytes in_;
  bool in_ended_ = false;
  bool reading_is_shut_ = false;
  bool window_was_closed_ = false;
  std::uint64_t received_ = 0;

  // What leaves.
  Bytes out_;                       // Not yet sent.
  std::size_t unacknowledged_ = 0;  // Sent.
  std::size_t in_flight_ = 0;       // Sent, and not yet arrived.
  bool end_wanted_ = false;
  bool end_sent_ = false;
  bool lacks_room_ = false;  // As SOCK_NOSPACE.
  bool retrying_ = false;
  Events::Nanoseconds retry_delay_ = 0;
  Events::Nanoseconds progressed_at_ = 0;
  Events::Nanoseconds last_arrival_ = 0;
  std::uint64_t sent_ = 0;

  // Of a listening socket.
  std::size_t backlog_ = 0;
  std::deque<StreamSocket*> accepted_;
};

}  // namespace reactor::simulation
