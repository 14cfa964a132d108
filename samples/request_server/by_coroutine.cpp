// The server as a coroutine for each connection.
#include "reactor/coroutine.hpp"
#include "samples/request_server/server.hpp"

namespace request_server {
namespace {

reactor::Task<> respond(reactor::Connection connection) {
  reactor::Frames requests(connection, decoder());
  while (const auto request = co_await requests.next()) {
    co_await connection.write(response_to(*request));
  }
}

}  // namespace

void serve_by_coroutine(const std::string& endpoint) {
  reactor::Loop loop;
  run(loop, samples::value_of(reactor::serve(loop, endpoint, {}, respond)));
}

}  // namespace request_server
