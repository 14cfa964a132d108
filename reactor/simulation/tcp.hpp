// Simulated TCP sockets. Internal.
#pragma once

#include <cstdint>
#include <string>

#include "reactor/simulation/connections.hpp"
#include "reactor/simulation/events.hpp"
#include "reactor/simulation/keep_alive.hpp"
#include "reactor/simulation/stream_socket.hpp"
#include "reactor/simulation/trace.hpp"

namespace reactor::inline v0::simulation {

/// One end of a connection, or a listening socket. It behaves as Linux does, seen through the
/// system calls; there are no real segment headers, windows or congestion control.
class TcpSocket final : public StreamSocket {
 public:
  TcpSocket(Environment& world, int family) : StreamSocket(world, family, SOCK_STREAM) {}

  unsigned ready() override;
  [[nodiscard]] unsigned may_be_spurious() const override;
  void close() override;
  void vanish() override;
  void begin() override;
  [[nodiscard]] bool is_listening() const override { return state_ == State::listening; }

  void option_changed(int level, int number) override;

  int connect(const Endpoint& to);
  int listen(int backlog) override;
  ssize_t recv(char* to, std::size_t size, bool peek) override;
  ssize_t send(const char* data, std::size_t size) override;
  int shutdown(int how) override;
  [[nodiscard]] int unsent_bytes() const override;
  [[nodiscard]] bool has_peer() const override { return state_ == State::connected; }
  void reset_by_network() override;

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

  // ---- Arrivals at one end.
  void segment_arrives(std::string bytes, bool is_end, Packet packet);
  void reset_arrives();
  void send_reset();
  void answer_unknown(TcpSocket& sender);
  [[nodiscard]] bool is_gone() const { return vanished_ || state_ == State::ended; }

  // ---- Its place among the connections of the host.
  [[nodiscard]] bool has_conflict() const override;
  [[nodiscard]] Ip source() const;
  [[nodiscard]] Connections::Key key() const;
  void hold_key();
  void release_key();

  // ---- Keep-alive.
  void start_keep_alive();
  void look_at_keep_alive(unsigned round);
  void probe();
  void heard();

  // ---- The handshake.
  [[nodiscard]] int begin_connecting();
  [[nodiscard]] static TcpSocket* listener_at(Computer& computer, const Endpoint& at);
  void send_syn(int attempt);
  void repeat_syn(int attempt);
  void syn_arrives(TcpSocket& client, int attempt);
  void syn_ack_arrives(TcpSocket& server);
  void ack_arrives(TcpSocket& listener);
  void fail(int number);
  void leave();
  [[nodiscard]] Packet packet(Packet::Kind kind, std::size_t size = 0) const;

  State state_ = State::fresh;
  TcpSocket* peer_ = nullptr;
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

  KeepAlive keep_alive_;
  unsigned keep_alive_round_ = 0;  // Looks of earlier rounds are void.

  // Of a listening socket.
};

}  // namespace reactor::simulation
