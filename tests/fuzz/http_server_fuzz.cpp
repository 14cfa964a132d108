#include "fuzz/fuzz.hpp"
#include "protocols/http/response_decoder.hpp"
#include "support/http_server.hpp"

namespace http_server_fuzz {

namespace {

// What the server sent must be responses, and no more than were asked for and one refusal.
void check_sent(const HttpServer& server) {
  protocols::http::ResponseDecoder decoder;
  for (const std::string& method : server.methods) decoder.protocol().expect(method);
  decoder.feed(protocols::as_bytes(server.all_sent));
  std::size_t answers = 0;
  while (const auto event = decoder.next()) {
    const bool is_head = event->kind == protocols::http::ResponseEvent::Kind::head;
    if (is_head && !event->head->informational()) ++answers;
  }
  fuzz::require(!decoder.error(), "sent what is no response: " + server.all_sent);
  fuzz::require(answers <= server.methods.size() + 1, "too many answers: " + server.all_sent);
}

}  // namespace

void fuzz_one(fuzz::Input input) {
  protocols::http::Limits limits;
  if (input.number(1)) limits.max_body_bytes = 2;
  const HttpServer fresh(limits);
  fuzz::check_any_split(fresh, input.rest(), true);

  HttpServer server = fresh;
  server.feed(protocols::as_bytes(input.rest()));
  while (server.next()) continue;
  check_sent(server);
}

const fuzz::Target target("http_server", fuzz_one);

}  // namespace http_server_fuzz
