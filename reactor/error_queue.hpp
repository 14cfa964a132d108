// What ICMP reports of datagrams sent before: the error queue of a socket. Internal.
#pragma once

#include <array>
#include <span>

#include "reactor/address.hpp"
#include "reactor/result.hpp"
#include "reactor/socket.hpp"

namespace reactor {

/// A datagram that did not arrive.
struct IcmpError {
  int number = 0;    // An errno; 0 where the sender has been told already.
  Address receiver;  // Whom it was for.
};

/// Reads some of the errors that the kernel keeps for a socket. It reports what is left again.
/// Empty where the kernel keeps none (linux/ and portable/).
class ErrorQueue {
 public:
  /// From now on the kernel keeps them.
  [[nodiscard]] static Result<void> open(Socket& socket);

  /// Valid until the next call.
  [[nodiscard]] std::span<const IcmpError> take(int fd);

 private:
  static constexpr unsigned most = 16;
  std::array<IcmpError, most> errors_;
};

}  // namespace reactor
