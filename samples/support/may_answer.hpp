// Which senders a server of datagrams may respond to.
#pragma once

#include <netinet/in.h>

#include "reactor/address.hpp"

namespace samples {

/// False for a sender that would take the response for a request: forged datagrams come from ports
/// below 1024, where chargen and echo are, or from the port of another such server. False also for
/// a unix socket without a name, which cannot receive a response.
[[nodiscard]] inline bool may_answer(const reactor::Address& sender,
                                     const reactor::Address& server) {
  if (sender.family() == reactor::Family::unix_socket) return !sender.is_unspecified();
  return sender.port() >= IPPORT_RESERVED && sender.port() != server.port();
}

}  // namespace samples
