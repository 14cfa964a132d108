// A connection to whichever address of a name answers.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/callback.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"
#include "reactor/stream.hpp"

namespace samples {

/// For StreamLimits::discard_timeout of a client: once its stream closes, nobody reads what the
/// server still sends.
inline constexpr std::chrono::seconds time_for_the_rest(1);

/// Connects to `HOST:PORT`, `[::1]:PORT` or `unix:PATH`: a name may have several addresses, and the
/// first that answers will do. Fails, as programs do, with what the last one said.
class Connector {
 public:
  Connector(reactor::Loop& loop, const std::string& endpoint,
            reactor::Callback<void(reactor::Stream)> on_connected);
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

  /// The address that it has connected to, or tries.
  [[nodiscard]] const reactor::Address& address() const { return addresses_[tried_ - 1]; }

 private:
  void try_next();
  void give_up(const reactor::Error& error);

  reactor::Loop& loop_;
  const std::vector<reactor::Address> addresses_;
  std::size_t tried_ = 0;
  std::optional<reactor::Stream> stream_;
  reactor::Callback<void(reactor::Stream)> on_connected_;
};

}  // namespace samples
