// A socket that accepts connections, with the watcher that reports them.
#pragma once

#include <list>
#include <optional>
#include <string>
#include <utility>

#include "reactor/address.hpp"
#include "reactor/socket.hpp"
#include "reactor/watcher.hpp"
#include "samples/support/program.hpp"
#include "samples/support/socket_file.hpp"

namespace samples {

class ListeningSocket {
 public:
  explicit ListeningSocket(reactor::Socket socket)
      : socket_(std::move(socket)), address_(value_of(socket_.local_address())), file_(address_) {}

  [[nodiscard]] int fd() const { return socket_.fd(); }
  [[nodiscard]] const reactor::Address& address() const { return address_; }

  // Empty in the styles that list all descriptors for each wait.
  std::optional<reactor::Watcher> watcher = {};

 private:
  reactor::Socket socket_;
  const reactor::Address address_;
  const SocketFile file_;
};

/// One socket for each address of the name. Throws Failed.
[[nodiscard]] std::list<ListeningSocket> listen_on_all(const std::string& endpoint);

}  // namespace samples
