// The server of one thread.
#pragma once

#include <optional>
#include <string>

#include "reactor/loop.hpp"
#include "reactor/signal.hpp"
#include "samples/http_responder/figures.hpp"
#include "samples/http_responder/log.hpp"
#include "samples/http_responder/monitor.hpp"
#include "samples/http_responder/options.hpp"
#include "samples/http_responder/pages.hpp"
#include "web/http_server.hpp"

namespace responder {

/// Serves the files of `root`, or without one the routes.
class Site {
 public:
  Site(reactor::Loop& loop, const Options& options, const web::Folder* root, Figures& figures);
  ~Site() { figures_.remove(server_); }
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  /// The limits of a connection in memory and time.
  static web::HttpServerOptions server_options(const Options& options = {});

  // serve_on_threads() calls these.
  reactor::Result<reactor::Address> listen(const std::string& endpoint) {
    return server_.listen(endpoint);
  }
  void drain() { server_.drain(); }

 private:
  void note(const web::AccessEntry& entry);

  Figures& figures_;
  Log log_;
  Monitor monitor_;
  std::optional<Pages> pages_;
  web::HttpServer server_;
  std::optional<reactor::Signal> reload_;
};

}  // namespace responder
