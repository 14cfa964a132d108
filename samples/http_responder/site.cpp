#include "samples/http_responder/site.hpp"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <utility>

#include "samples/http_responder/routes.hpp"
#include "samples/support/tls.hpp"

namespace responder {
namespace {

std::chrono::nanoseconds seconds(double count) {
  return std::chrono::nanoseconds(std::llround(count * 1e9));
}

}  // namespace

Site::Site(reactor::Loop& loop, const Options& options, const web::Folder* root, Figures& figures)
    : figures_(figures),
      log_(options.log),
      monitor_(loop, figures),
      server_(loop, server_options(options)),
      reload_(samples::reload_on_hangup(loop, options.tls)) {
  figures.add(server_);
  server_.on_response([this](const web::AccessEntry& entry) { note(entry); });
  server_.on_error(
      [](const reactor::Error& error) { std::fprintf(stderr, "%s\n", error.message().c_str()); });
  if (!root) {
    add_routes(server_, monitor_);
    return;
  }
  pages_.emplace(loop, *root, options.list, options.threads, log_);
  server_.fallback(
      [this](const web::Request& request, const web::RequestBody&, web::Response response) {
        pages_->handle(request, std::move(response));
      });
}

web::HttpServerOptions Site::server_options(const Options& options) {
  web::HttpServerOptions server;
  server.limits.max_head_bytes = max_head_bytes;
  server.max_body_bytes = max_echo_bytes;
  server.head_timeout = seconds(options.head_timeout);
  server.idle_timeout = seconds(options.idle_timeout);
  server.stall_timeout = seconds(options.stall_timeout);
  server.server_name = "uvreactor";
  server.server.tls = options.tls;
  server.server.high_water_bytes = high_water_bytes;
  server.server.max_queued_bytes = max_queued_bytes;
  server.server.read_bytes = read_bytes;
  server.server.listen.reuse_port = options.threads > 1;
  return server;
}

void Site::note(const web::AccessEntry& entry) {
  if (entry.target != "/events") figures_.requests.fetch_add(1, std::memory_order_relaxed);
  if (entry.status == 0) return;
  log_.complete(
      Log::line(entry.peer, entry.method, entry.target, entry.minor_version, entry.status));
}

}  // namespace responder
