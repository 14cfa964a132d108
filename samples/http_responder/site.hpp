// What the connections of one thread share.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "reactor/server.hpp"
#include "samples/http_responder/files.hpp"
#include "samples/http_responder/monitor.hpp"
#include "samples/http_responder/options.hpp"
#include "samples/http_responder/session.hpp"
#include "samples/support/fair_share.hpp"
#include "samples/support/fair_work.hpp"

namespace responder {

class Site {
 public:
  Site(reactor::Loop& loop, const Options& options, const Root* root, Figures& figures);
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  /// What a connection may take, and for how long.
  static reactor::ServerOptions server_options();

  // What serve_on_threads() calls.
  reactor::Result<reactor::Address> listen(const std::string& endpoint);
  void drain();

  /// Answers the request, or starts what will.
  void handle(Session& session, const protocols::http::RequestHead& head);

  /// Date and Server; the date is made once a second.
  [[nodiscard]] const protocols::http::FieldLines& every_answer() { return every_answer_; }
  void refresh_date();
  [[nodiscard]] protocols::http::Date date() const { return date_; }

  reactor::Loop& loop;
  const Options& options;
  Monitor monitor;
  samples::FairShare share;
  samples::FairWork work;      ///< What may block, for networks in turn.
  std::vector<std::byte> out;  ///< What is written, until the stream is given it.

 private:
  const Root* root_;
  protocols::http::FieldLines every_answer_;
  protocols::http::Date date_{};
  reactor::Loop::Clock::time_point refresh_at_{};
  std::list<reactor::Server<Session>> servers_;
};

}  // namespace responder
