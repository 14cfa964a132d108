// The servers of one thread, and their responses.
#pragma once

#include <list>
#include <string>

#include "reactor/server.hpp"
#include "samples/http_responder/files.hpp"
#include "samples/http_responder/monitor.hpp"
#include "samples/http_responder/session.hpp"
#include "samples/http_responder/session_context.hpp"

namespace responder {

class Site final : public SessionContext {
 public:
  Site(reactor::Loop& loop, const Options& options, const Root* root, Figures& figures);

  /// The limits of a connection in memory and time.
  static reactor::ServerOptions server_options();

  // serve_on_threads() calls these.
  reactor::Result<reactor::Address> listen(const std::string& endpoint);
  void drain();

  void handle(Session& session, const protocols::http::RequestHead& head) override;

 private:
  Monitor monitor_;
  const Root* root_;
  std::list<reactor::Server<Session>> servers_;
};

}  // namespace responder
