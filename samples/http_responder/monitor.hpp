// The server's live figures, as server-sent events.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <optional>
#include <string>

#include "reactor/loop.hpp"
#include "reactor/timer.hpp"

namespace responder {

class Session;

/// Counted by every thread, looked at by any.
struct Figures {
  std::atomic<std::uint64_t> requests = 0;
  std::atomic<std::int64_t> connections = 0;
  const std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
};

/// Tells those who watch, once a second.
class Monitor {
 public:
  Monitor(reactor::Loop& loop, Figures& figures);

  /// Answers the present request of `session` with events, until the connection ends.
  void watch(Session& session);

  void on_request() { figures_.requests.fetch_add(1, std::memory_order_relaxed); }
  void on_connection(int change) {
    figures_.connections.fetch_add(change, std::memory_order_relaxed);
  }

 private:
  class Watching;

  [[nodiscard]] std::string event();
  void tell();

  reactor::Loop& loop_;
  Figures& figures_;
  std::list<Session*> watching_;
  reactor::Timer timer_;
  std::uint64_t requests_told_ = 0;
  reactor::Loop::Clock::time_point told_at_{};
};

}  // namespace responder
