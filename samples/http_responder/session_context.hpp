// What the connections of one thread share.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "protocols/http/date.hpp"
#include "protocols/http/encoder.hpp"
#include "protocols/http/message.hpp"
#include "reactor/fair_share.hpp"
#include "reactor/loop.hpp"
#include "samples/http_responder/options.hpp"
#include "samples/support/fair_work.hpp"

namespace responder {

class Session;

/// All threads update these counters, and any thread reads them.
struct Figures {
  std::atomic<std::uint64_t> requests = 0;
  std::atomic<std::int64_t> connections = 0;
  const std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
};

class SessionContext {
 public:
  SessionContext(const SessionContext&) = delete;
  SessionContext& operator=(const SessionContext&) = delete;

  /// Responds to the request, or starts the exchange that will.
  virtual void handle(Session& session, const protocols::http::RequestHead& head) = 0;

  /// The fields Date and Server. The date is made once a second.
  [[nodiscard]] const protocols::http::FieldLines& every_answer() { return every_answer_; }
  void refresh_date();
  [[nodiscard]] protocols::http::Date date() const { return date_; }

  reactor::Loop& loop;
  const Options& options;
  Figures& figures;
  reactor::FairShare share;
  samples::FairWork work;      ///< Work that may block, for each network in turn.
  std::vector<std::byte> out;  ///< Output that the stream has not been given yet.

 protected:
  SessionContext(reactor::Loop& loop, const Options& options, Figures& figures);
  ~SessionContext() = default;

 private:
  protocols::http::FieldLines every_answer_;
  protocols::http::Date date_{};
  reactor::Loop::Clock::time_point refresh_at_{};
};

}  // namespace responder
