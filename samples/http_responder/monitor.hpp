// The server's live figures, as server-sent events.
#pragma once

#include <cstdint>
#include <list>
#include <string>

#include "reactor/loop.hpp"
#include "reactor/timer.hpp"
#include "samples/http_responder/figures.hpp"
#include "web/event_stream.hpp"

namespace responder {

/// Sends the figures to all watching clients once a second.
class Monitor {
 public:
  Monitor(reactor::Loop& loop, Figures& figures);

  /// Sends events until the connection ends.
  void watch(web::Response response);

 private:
  [[nodiscard]] std::string event();
  void send();

  reactor::Loop& loop_;
  Figures& figures_;
  std::list<web::EventStream> watching_;
  reactor::Timer timer_;
  std::uint64_t requests_before_ = 0;
  reactor::Loop::Clock::time_point sent_at_{};
};

}  // namespace responder
