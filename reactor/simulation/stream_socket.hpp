// The calls that simulated TCP sockets and unix sockets have in common. Internal.
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <deque>
#include <string>

#include "reactor/simulation/socket.hpp"

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

/// Each call returns what the system call of its name returns, or -errno.
class StreamSocket : public Socket {
 public:
  virtual int listen(int backlog) = 0;
  /// Null: there is none.
  [[nodiscard]] StreamSocket* accept();
  void put_back(StreamSocket& accepted) { accepted_.push_front(&accepted); }
  virtual ssize_t recv(char* to, std::size_t size, bool peek) = 0;
  virtual ssize_t send(const char* data, std::size_t size) = 0;
  virtual int shutdown(int how) = 0;
  [[nodiscard]] virtual int unsent_bytes() const = 0;
  [[nodiscard]] virtual bool has_peer() const = 0;

  /// The connection is reset, as if by the peer or by a device between. No device is between the
  /// ends of a unix socket.
  virtual void reset_by_network() {}

 protected:
  using Socket::Socket;

  [[nodiscard]] std::size_t send_buffer_bytes() const;
  [[nodiscard]] std::size_t receive_buffer_bytes() const;

  // ---- A listening socket: the connections that wait to be accepted

  void set_backlog(int backlog);
  [[nodiscard]] bool is_backlog_full() const { return accepted_.size() > backlog_; }

  std::deque<StreamSocket*> accepted_;  // All of its own kind.

 private:
  std::size_t backlog_ = 0;
};

}  // namespace reactor::simulation
