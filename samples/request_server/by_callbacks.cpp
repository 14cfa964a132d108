// The server as a session object for each connection.
#include "reactor/server.hpp"
#include "samples/request_server/server.hpp"

namespace request_server {
namespace {

struct Session {
  reactor::Stream& stream;
  void on_frame(protocols::Bytes request) { stream.write(response_to(request)); }
};

}  // namespace

void serve_by_callbacks(const std::string& endpoint) {
  reactor::Loop loop;
  auto server = samples::value_of(
      reactor::Server<Session, protocols::LengthPrefixedDecoder>::listen(loop, endpoint));
  server.set_decoder(decoder);
  run(loop, std::move(server));
}

}  // namespace request_server
