// Simulated unix sockets: streams between programs of one host. Internal.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "reactor/simulation/events.hpp"
#include "reactor/simulation/stream_socket.hpp"

namespace reactor::inline v0::simulation {

/// The path of a unix address, or an abstract name behind a zero byte; empty: unnamed. Empty
/// optional: another family.
[[nodiscard]] std::optional<std::string> socket_name_of(const sockaddr* address, socklen_t size);
/// As write_address().
void write_socket_name(const std::string& name, sockaddr* to, socklen_t* size);

/// It behaves as Linux does: what one end sends is in the buffer of the other end at once, and
/// counts as sent until it is read.
class UnixSocket final : public StreamSocket {
 public:
  /// SOCK_STREAM, or SOCK_SEQPACKET: that one only finds out who listens at a name.
  UnixSocket(Environment& world, int type) : StreamSocket(world, AF_UNIX, type) {}

  unsigned ready() override;
  [[nodiscard]] unsigned may_be_spurious() const override;
  void close() override;
  void vanish() override;
  void begin() override;
  [[nodiscard]] bool is_listening() const override { return state_ == State::listening; }
  [[nodiscard]] bool has_peer() const override { return state_ == State::connected; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& peer_name() const { return peer_name_; }

  int bind_to(const std::string& name);
  int connect(const std::string& name);
  int listen(int backlog) override;
  ssize_t recv(char* to, std::size_t size, bool peek) override;
  ssize_t send(const char* data, std::size_t size) override;
  int shutdown(int how) override;
  [[nodiscard]] int unsent_bytes() const override;

  // ---- Sockets that travel with the bytes

  using Passed = std::vector<Socket*>;
  /// Sends `sockets` with the first of these bytes.
  ssize_t send_with(const char* data, std::size_t size, const Passed& sockets);
  /// How many of `size` bytes a read takes: none after those that were sent with sockets.
  [[nodiscard]] std::size_t next_read(std::size_t size) const;
  [[nodiscard]] std::size_t unread_bytes() const { return in_.size(); }
  /// The sockets among the next `size` bytes.
  [[nodiscard]] Passed take_passed(std::size_t size);

  /// Both ends are connected at once.
  static void join(UnixSocket& left, UnixSocket& right);

 private:
  enum class State : unsigned char { fresh, listening, connecting, connected };
  struct Attached {
    std::uint64_t at;   // The byte that they travel with.
    std::uint64_t end;  // The end of the bytes that were sent with them.
    Passed sockets;
  };

  int claim_address() override;
  [[nodiscard]] int connect_now();
  void release_name();
  void lose_peer(bool is_reset);
  void drop_input();
  [[nodiscard]] bool is_writable() const;
  void note(const char* what, std::size_t size) const;

  State state_ = State::fresh;
  std::string name_;
  std::string peer_name_;  // While it connects: the wanted one.
  UnixSocket* peer_ = nullptr;
  Bytes in_;
  std::uint64_t received_ = 0;
  std::uint64_t read_ = 0;
  std::deque<Attached> attached_;
  bool in_ended_ = false;
  bool out_ended_ = false;
  bool lacks_room_ = false;
};

}  // namespace reactor::simulation
