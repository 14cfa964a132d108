// The socket that the echo server accepts from.
#pragma once

#include <sys/stat.h>

#include <string>

#include "reactor/address.hpp"
#include "reactor/socket.hpp"

namespace samples {

/// Listens. The file of a unix socket is removed with it, unless another server has put its own in
/// that place.
class ListeningSocket {
 public:
  /// Fails, as programs do.
  explicit ListeningSocket(const std::string& endpoint);
  ListeningSocket(const ListeningSocket&) = delete;
  ListeningSocket& operator=(const ListeningSocket&) = delete;
  ~ListeningSocket();

  [[nodiscard]] int fd() const { return socket_.fd(); }
  [[nodiscard]] const reactor::Address& address() const { return address_; }

 private:
  [[nodiscard]] bool find_file(struct stat& status) const;

  reactor::Socket socket_;
  reactor::Address address_;
  struct stat file_ {};
};

}  // namespace samples
