// The service without a root folder: a page, and a route for each way to move a body.
#pragma once

#include "protocols/http/message.hpp"
#include "protocols/http/target.hpp"

namespace responder {

class Monitor;
class Session;

void answer_route(Session& session, Monitor& monitor, const protocols::http::RequestHead& head,
                  const protocols::http::Target& target);

}  // namespace responder
