// What the connections of an HttpServer share. Internal.
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <vector>

#include "protocols/http/date.hpp"
#include "protocols/http/encoder.hpp"
#include "reactor/callback.hpp"
#include "reactor/fair_share.hpp"
#include "reactor/handle.hpp"
#include "reactor/loop.hpp"
#include "web/http_server_options.hpp"
#include "web/routes.hpp"

namespace web::inline v0 {

class ServerContext : public reactor::HandleState {
 public:
  void refresh_date();

  reactor::Loop& loop;
  const HttpServerOptions options;
  Routes routes;
  Route fallback;
  reactor::Callback<void(const AccessEntry&)> on_response;
  reactor::FairShare share;
  std::atomic<std::size_t> connections = 0;
  std::size_t collected_bytes = 0;     ///< Of bodies that are not complete.
  bool leaving = false;                ///< Each connection ends with its next response.
  std::vector<std::byte> spare;        ///< The memory of an output buffer that is not in use.
  protocols::http::FieldLines always;  ///< The fields Date and Server.
  protocols::http::Date date{};

 protected:
  ServerContext(reactor::Loop& loop, HttpServerOptions options);

 private:
  reactor::Loop::Clock::time_point refresh_at_{};
};

}  // namespace web
