// Responds to requests with a length in front: the same server in two styles.
#pragma once

#include <string>
#include <vector>

#include "protocols/length_prefixed.hpp"
#include "reactor/loop.hpp"
#include "reactor/stop_signals.hpp"
#include "samples/support/program.hpp"
#include "samples/support/upper.hpp"

namespace request_server {

inline constexpr std::size_t max_request_bytes = 64 * 1024;

[[nodiscard]] inline protocols::LengthPrefixedDecoder decoder() {
  return protocols::LengthPrefixedDecoder({.max_frame_bytes = max_request_bytes});
}

/// The request in upper case.
[[nodiscard]] inline std::vector<std::byte> response_to(protocols::Bytes request) {
  std::vector<std::byte> response;
  (void)protocols::append_length_prefixed(response, protocols::as_bytes(samples::upper(request)));
  return response;
}

/// Runs `server` until a signal ends it.
void run(reactor::Loop& loop, auto server) {
  const auto stop = samples::value_of(reactor::StopSignals::create(loop, [&] { server.drain(); }));
  samples::announce(server.address());
  loop.run();
}

void serve_by_callbacks(const std::string& endpoint);
void serve_by_coroutine(const std::string& endpoint);

}  // namespace request_server
