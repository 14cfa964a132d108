// The server's live figures, as server-sent events.
#pragma once

#include <cstdint>
#include <list>
#include <string>

#include "reactor/loop.hpp"
#include "reactor/timer.hpp"
#include "samples/http_responder/session_context.hpp"

namespace responder {

/// Sends the figures to all watching clients once a second.
class Monitor {
 public:
  Monitor(reactor::Loop& loop, Figures& figures);

  /// Responds to the current request of `session` with events, until the connection ends.
  void watch(Session& session);

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
