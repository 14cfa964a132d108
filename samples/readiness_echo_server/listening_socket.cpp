#include "samples/readiness_echo_server/listening_socket.hpp"

#include <sys/socket.h>

#include <cerrno>

#include "reactor/bind_each.hpp"
#include "reactor/resolver.hpp"

namespace samples {
namespace {

using reactor::Address;
using reactor::Failure;
using reactor::Result;
using reactor::Socket;
namespace option = reactor::option;

Result<Socket> listen_at(const Address& address, bool alone) {
  auto socket = Socket::open(address.family(), reactor::SocketType::stream);
  if (!socket) return socket;
  if (address.family() != reactor::Family::unix_socket) {
    if (auto set = socket->set(option::reuse_address, true); !set) return Failure(set.error());
  }
  if (address.family() == reactor::Family::ipv6 && !alone) {
    if (auto set = socket->set(option::ipv6_only, true); !set) return Failure(set.error());
  }
  if (auto bound = socket->bind(address); !bound) return Failure(bound.error());
  if (listen(socket->fd(), SOMAXCONN) == 0) return socket;
  return Failure(reactor::system_error(errno, "listen", address.to_string()));
}

}  // namespace

std::list<ListeningSocket> listen_on_all(const std::string& endpoint) {
  std::list<ListeningSocket> listening;
  const auto addresses = value_of(reactor::resolve_now(endpoint));
  for (Socket& socket : value_of(reactor::bind_each(addresses, listen_at))) {
    listening.emplace_back(std::move(socket));
  }
  return listening;
}

}  // namespace samples
