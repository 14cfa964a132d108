// What the time client can ask, and how it reads what comes back.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/bytes.hpp"
#include "samples/support/failed.hpp"

namespace samples {

/// When a datagram or the end of a connection came: as the kernel tells, to the nanosecond.
using Arrived = std::chrono::sys_time<std::chrono::nanoseconds>;

/// The server's Kiss-o'-Death (RFC 5905 section 7.4).
struct KissOfDeath : Failed {
  KissOfDeath(std::string_view code, std::chrono::seconds least_interval);

  bool asked_too_often;                 ///< RATE: ask less often, and still less after each.
  bool denied;                          ///< DENY and RSTR: never ask again.
  std::chrono::seconds least_interval;  ///< By the poll field; zero where it tells nothing.
};

struct Question {
  std::string request;
  /// The answer in words. Nothing for what answers something else, which may be forged; throws
  /// Failed for an answer that is none, and KissOfDeath.
  std::function<std::optional<std::string>(protocols::Bytes answer, Arrived arrived)> read;
};

[[nodiscard]] Question ask_text(std::string format);
[[nodiscard]] Question ask_time();     ///< RFC 868
[[nodiscard]] Question ask_daytime();  ///< RFC 867

/// SNTP: by how much the server's clock is ahead, and how long the way there and back takes.
[[nodiscard]] Question ask_sntp();

}  // namespace samples
