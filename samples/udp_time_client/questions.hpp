// The requests of the time client, and how it reads the responses.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/bytes.hpp"
#include "samples/support/failed.hpp"

namespace samples {

/// When a datagram or the end of a connection arrived: the kernel's time, in nanoseconds.
using Arrived = std::chrono::sys_time<std::chrono::nanoseconds>;

/// The server's Kiss-o'-Death (RFC 5905 section 7.4).
struct KissOfDeath : Failed {
  KissOfDeath(std::string_view code, std::chrono::seconds least_interval);

  bool
      too_many_requests;  ///< RATE: send requests at a longer interval, and longer again after each.
  bool denied;            ///< DENY and RSTR: send no more requests.
  std::chrono::seconds least_interval;  ///< By the poll field; zero if it states none.
};

struct Question {
  std::string request;
  /// The response in words. Empty for a response to something else, which may be forged. Throws
  /// Failed for a malformed response, and KissOfDeath.
  std::function<std::optional<std::string>(protocols::Bytes answer, Arrived arrived)> read;
};

[[nodiscard]] Question ask_text(std::string format);
[[nodiscard]] Question ask_time();     ///< RFC 868
[[nodiscard]] Question ask_daytime();  ///< RFC 867

/// SNTP: how much the server's clock is ahead, and the round-trip time.
[[nodiscard]] Question ask_sntp();

}  // namespace samples
