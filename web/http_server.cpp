#include "web/http_server.hpp"

#include <list>
#include <utility>

#include "reactor/server.hpp"
#include "web/http_connection.hpp"
#include "web/server_context.hpp"

namespace web::inline v0 {

using reactor::Address;
using reactor::Failure;
using reactor::Result;

struct HttpServer::State final : ServerContext {
  using Server = reactor::Server<HttpSession>;

  State(reactor::Loop& on, HttpServerOptions with) : ServerContext(on, std::move(with)) {}

  [[nodiscard]] auto make_session() {
    return [this](reactor::Stream& stream) { return HttpSession(stream, *this); };
  }

  Result<Address> add(Result<Server> server) {
    if (!server) return Failure(server.error());
    servers.push_back(std::move(*server));
    listen_to_errors(servers.back());
    return servers.back().address();
  }

  void listen_to_errors(Server& server) {
    if (!on_error) return;
    server.on_error([this](const reactor::Error& error) {
      const reactor::Use use(*this);
      on_error(error);
    });
  }

  void on_retired() noexcept override { servers.clear(); }

  std::list<Server> servers;
  reactor::Callback<void(const reactor::Error&)> on_error;
};

HttpServer::HttpServer(reactor::Loop& loop, HttpServerOptions options)
    : state_(new State(loop, std::move(options))) {}

void HttpServer::route(std::string_view method, std::string_view pattern, Handler handler) {
  state_->routes.add(method, pattern, {.handler = std::move(handler), .stream_handler = {}});
}

void HttpServer::route(std::string_view method, std::string_view pattern, StreamHandler handler) {
  state_->routes.add(method, pattern, {.handler = {}, .stream_handler = std::move(handler)});
}

void HttpServer::fallback(Handler handler) {
  state_->replace(state_->fallback.handler, std::move(handler));
  state_->replace(state_->fallback.stream_handler, StreamHandler());
}

void HttpServer::fallback(StreamHandler handler) {
  state_->replace(state_->fallback.handler, Handler());
  state_->replace(state_->fallback.stream_handler, std::move(handler));
}

Result<Address> HttpServer::listen(std::string_view endpoint) {
  if (auto good = state_->options.check(endpoint); !good) return Failure(good.error());
  reactor::ServerOptions options = state_->options.server;
  if (endpoint.starts_with("unix:")) options.listen.reuse_port = false;
  return state_->add(
      State::Server::listen(state_->loop, endpoint, options, state_->make_session()));
}

Result<Address> HttpServer::adopt(reactor::Socket socket) {
  if (auto good = state_->options.check("adopted socket"); !good) return Failure(good.error());
  return state_->add(State::Server::adopt(state_->loop, std::move(socket), state_->options.server,
                                          state_->make_session()));
}

void HttpServer::on_response(reactor::Callback<void(const AccessEntry&)> on_response) {
  state_->replace(state_->on_response, std::move(on_response));
}

void HttpServer::on_error(reactor::Callback<void(const reactor::Error&)> on_error) {
  state_->replace(state_->on_error, std::move(on_error));
  for (State::Server& server : state_->servers) state_->listen_to_errors(server);
}

std::size_t HttpServer::connections() const {
  return state_->connections.load(std::memory_order_relaxed);
}

void HttpServer::drain(reactor::Duration timeout) {
  State& state = *state_;
  const reactor::Use use(state);
  for (auto server = state.servers.begin(); !state.retired() && server != state.servers.end();) {
    (server++)->drain(timeout);
  }
}

void HttpServer::hand_over(reactor::Duration timeout) {
  state_->leaving = true;
  for (State::Server& server : state_->servers) {
    server.for_each([](HttpSession& session) { session.connection->close_after_response(); });
    server.hand_over(timeout);
  }
}

std::size_t HttpServer::cut_off() const {
  std::size_t sum = 0;
  for (const State::Server& server : state_->servers) sum += server.cut_off();
  return sum;
}

std::vector<int> HttpServer::descriptors() const {
  std::vector<int> all;
  for (const State::Server& server : state_->servers) {
    const auto some = server.descriptors();
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

}  // namespace web
