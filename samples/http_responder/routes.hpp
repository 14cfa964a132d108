// What the server serves without a folder.
#pragma once

#include "samples/http_responder/monitor.hpp"
#include "web/http_server.hpp"

namespace responder {

/// GET / and /events: the live figures. GET /hello and /download?size=N. POST and PUT: /echo, and
/// /upload for a body of any size. The monitor must outlive the server.
void add_routes(web::HttpServer& server, Monitor& monitor);

}  // namespace responder
