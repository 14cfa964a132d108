// What ICMP reports about datagrams sent earlier: the error queue of a socket. Internal.
#pragma once

#include <array>
#include <span>

#include "reactor/address.hpp"
#include "reactor/result.hpp"
#include "reactor/socket.hpp"

namespace reactor::inline v0 {

/// A datagram that did not arrive.
struct IcmpError {
  int number = 0;    // An errno; 0 if the sender has received the error already.
  Address receiver;  // To which it was sent.
};

/// Reads some of the errors that the kernel keeps for a socket. The kernel reports again while some
/// are left. Empty on systems whose kernel keeps none (linux/ and portable/).
class ErrorQueue {
 public:
  /// From now on the kernel keeps errors for the socket.
  [[nodiscard]] static Result<void> open(Socket& socket);

  /// Valid until the next call.
  [[nodiscard]] std::span<const IcmpError> take(int fd);

 private:
  static constexpr unsigned most = 16;
  std::array<IcmpError, most> errors_;
};

}  // namespace reactor
