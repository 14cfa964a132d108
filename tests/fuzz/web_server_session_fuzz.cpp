// An HttpServer with handlers of every kind, and a client that sends what the fuzzer likes.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "fuzz/session.hpp"
#include "protocols/http/response_decoder.hpp"
#include "web/http_server.hpp"

namespace web_server_session_fuzz {

namespace {

using web::Request;
using web::RequestBody;
using web::Response;

struct State {
  std::vector<std::string> methods;  // Of the requests that have got a response.
  std::vector<Response> waiting;
  std::optional<web::Upgraded> upgraded;
  std::size_t refused = 0;
};

void add_routes(web::HttpServer& server, State& state) {
  server.route("GET", "/{a}/x", [](const Request& request, Response response) {
    response.send(200, {{"X", request.parameter("a")}}, request.query_parameter("q").value_or(""));
  });
  server.route("POST", "/echo", [](const Request& request, Response response) {
    response.send(200, request.body());
  });
  server.route("GET", "/later", [&](const Request&, Response response) {
    state.waiting.push_back(std::move(response));
  });
  server.route("GET", "/pieces/{rest...}", [](const Request& request, Response response) {
    response.begin(200);
    response.write(request.parameter("rest"));
    response.end();
  });
  server.route("GET", "/throw", [](const Request&, Response) { throw 1; });
  server.route("GET", "/up", [&](const Request&, Response response) {
    state.upgraded = response.upgrade("up");
    if (!state.upgraded) return;
    state.upgraded->on_data([&](web::Upgraded::Bytes bytes) { state.upgraded->write(bytes); });
  });
  server.route("PUT", "/count", [](const Request&, RequestBody body, Response response) {
    auto size = std::make_shared<std::size_t>(0);
    body.on_data([size](RequestBody::Bytes bytes) { *size += bytes.size(); });
    body.on_end([size, response = std::move(response)]() mutable {
      response.send(200, std::to_string(*size));
    });
  });
  server.on_response([&](const web::AccessEntry& entry) {
    fuzz::require(entry.status == 0 || (entry.status >= 101 && entry.status < 600), "no status");
    fuzz::require(entry.target.find_first_of("\r\n ") == entry.target.npos,
                  "a target of two lines");
    if (entry.method.empty()) ++state.refused;
    if (!entry.method.empty()) state.methods.emplace_back(entry.method);
  });
}

// What was sent must be responses, and no more than there were requests, and one refusal.
void check_sent(const State& state, const std::string& received) {
  protocols::http::ResponseDecoder decoder;
  for (const std::string& method : state.methods) decoder.protocol().expect(method);
  decoder.feed(protocols::as_bytes(received));
  std::size_t responses = 0;
  while (const auto event = decoder.next()) {
    if (event->kind == protocols::http::ResponseEvent::Kind::tunnel) return;
    const bool is_head = event->kind == protocols::http::ResponseEvent::Kind::head;
    if (is_head && !event->head->informational()) ++responses;
  }
  fuzz::require(!decoder.error(), "sent what is no response: " + received);
  fuzz::require(responses <= state.methods.size() + 1, "too many responses: " + received);
  fuzz::require(state.refused <= 1, "refused twice: " + received);
}

}  // namespace

void fuzz_one(fuzz::Input input) {
  static reactor::Loop loop;
  static const std::string endpoint = fuzz::endpoint("web");
  State state;
  {
    web::HttpServerOptions options;
    options.max_body_bytes = 100;
    web::HttpServer server(loop, options);
    add_routes(server, state);
    fuzz::require(server.listen(endpoint).has_value(), "it does not listen");
    fuzz::Peer peer(endpoint);
    fuzz::run_iterations(loop);
    while (!input.rest().empty()) {
      const std::size_t size = input.number(255);
      peer.send(input.bytes(size));
      fuzz::run_iterations(loop);
      if (size % 2 == 0 && !state.waiting.empty()) {
        state.waiting.back().send(200, "later");
        state.waiting.pop_back();
      }
    }
    fuzz::run_iterations(loop);
    if (state.waiting.empty()) check_sent(state, peer.received());
    peer.end();
    fuzz::run_iterations(loop);
  }
  fuzz::run_iterations(loop);
}

const fuzz::Target target("web_server_session", fuzz_one);

}  // namespace web_server_session_fuzz
