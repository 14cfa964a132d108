// The sessions that clients may resume. Internal.
#pragma once

#include <deque>
#include <mutex>
#include <string>
#include <utility>

#include "reactor/tls/openssl.hpp"

namespace reactor::inline v0::tls {

/// The newest sessions of the servers that were connected last. Each is used once, as RFC 8446
/// appendix C.4 recommends: an observer could otherwise relate the connections.
///
/// Thread    Any.
class Sessions {
 public:
  static constexpr std::size_t most = 64;

  void keep(const std::string& name, SessionPtr session);
  /// The newest for this server; null if there is none.
  [[nodiscard]] SessionPtr take(const std::string& name);
  void clear();

 private:
  std::mutex mutex_;
  std::deque<std::pair<std::string, SessionPtr>> sessions_;  // The newest first.
};

}  // namespace reactor::tls
