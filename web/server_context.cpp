#include "web/server_context.hpp"

#include <utility>

namespace web::inline v0 {

ServerContext::ServerContext(reactor::Loop& on, HttpServerOptions with)
    : loop(on), options(std::move(with)), share(on) {
  refresh_date();
}

void ServerContext::refresh_date() {
  const auto now = loop.now();
  if (now < refresh_at_) return;
  const auto wall_now = loop.wall_now();
  date = std::chrono::floor<std::chrono::seconds>(wall_now);
  always.clear();
  (void)always.add({"Date", protocols::http::format_date(date)});
  if (!options.server_name.empty()) (void)always.add({"Server", options.server_name});
  refresh_at_ = now + (date + std::chrono::seconds(1) - wall_now);
}

}  // namespace web
