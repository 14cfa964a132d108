// An HTTP/1.1 server: routes to handlers.
#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/callback.hpp"
#include "reactor/duration.hpp"
#include "reactor/handle.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"
#include "reactor/socket.hpp"
#include "web/http_server_options.hpp"
#include "web/request.hpp"
#include "web/response.hpp"

#pragma GCC visibility push(default)
namespace web::inline v0 {

/// Serves requests of HTTP/1.0 and 1.1 on any number of addresses.
///
///     web::HttpServer server(loop);
///     server.route("GET", "/hello/{name}", [](const web::Request& request, web::Response response) {
///       response.send(200, "hello " + request.parameter("name") + "\n");
///     });
///     auto address = server.listen("127.0.0.1:8080");
///
/// A handler gets a request when its body is complete, or with a RequestBody, at once. Requests of
/// a connection are served one after the other: the next one begins when the response to the one
/// before is complete. What a handler or a callback of a request throws is caught: the response is
/// 500, or a reset where a part of it was sent, and the log has the text.
///
/// Without a route for its path, a request gets 404; for its method, 405 with Allow. HEAD is served
/// by the route of GET, and OPTIONS by the server. A method that no route has and no RFC defines is
/// 501, a path with `.` or `..` as a segment, in any encoding, 400, and so is what the decoder
/// refuses, unless it is 408, 413, 414, 431, 501 or 505.
///
/// HttpServer is a reactor::Site, for serve_on_threads(): set options.server.listen.reuse_port.
///
/// Lifetime  Destroying it closes everything immediately; drain() does so in order. Both are legal
///           in every callback. Responses, bodies and upgraded connections may outlive it.
/// Thread    The loop's thread only.
class HttpServer {
 public:
  using Handler = reactor::Callback<void(const Request&, Response)>;
  using StreamHandler = reactor::Callback<void(const Request&, RequestBody, Response)>;

  explicit HttpServer(reactor::Loop& loop, HttpServerOptions options = {});

  /// Calls `handler` for requests of `method` whose path has this pattern: segments that are equal
  /// to those of the path after percent-decoding, or `{name}`, which stands for any one segment
  /// that is not empty, or as the last one `{name...}`, which stands for all that follow, also for
  /// none. Equal segments precede `{name}`, and that precedes `{name...}`. `/a` and `/a/` are two
  /// paths. Routes can be added at any time; the same one twice asserts.
  void route(std::string_view method, std::string_view pattern, Handler handler);
  void route(std::string_view method, std::string_view pattern, StreamHandler handler);

  /// Called for each request whose path has no route, of any method, also for CONNECT and
  /// `OPTIONS *`.
  void fallback(Handler handler);
  void fallback(StreamHandler handler);

  /// Listens on all addresses of `HOST:PORT`, on `[::1]:PORT` or on `unix:PATH`, and returns the
  /// first address.
  ///
  /// Errors    As HttpServerOptions::check and reactor::Server::listen.
  [[nodiscard]] reactor::Result<reactor::Address> listen(std::string_view endpoint);

  /// Accepts from a socket that already listens, as Listener::adopt does.
  [[nodiscard]] reactor::Result<reactor::Address> adopt(reactor::Socket socket);

  /// Called when a response is complete, or has failed. What it throws comes out of Loop::run, or
  /// of the call that completed the response.
  ///
  /// Cost      Without it, nothing; with it, a copy of method and target for each request.
  void on_response(reactor::Callback<void(const AccessEntry&)> on_response);

  /// Called when a connection could not be accepted, as reactor::Server::on_error.
  void on_error(reactor::Callback<void(const reactor::Error&)> on_error);

  /// Any thread.
  [[nodiscard]] std::size_t connections() const;

  /// Ends in order: stops listening, completes the requests whose head has arrived, and cuts off
  /// what is left after `timeout`.
  void drain(reactor::Duration timeout = std::chrono::seconds(5));

  /// Stops listening in favour of a successor that has the sockets (reactor::HandOver). On each
  /// connection the next response is the last, and says so. Those that are left after `timeout` are
  /// cut off.
  void hand_over(reactor::Duration timeout);

  /// The connections that drain() or hand_over() has cut off, because they had not ended in time.
  [[nodiscard]] std::size_t cut_off() const;

  /// Its listening sockets, for HandOver; none after drain() or hand_over().
  [[nodiscard]] std::vector<int> descriptors() const;

 private:
  struct [[gnu::visibility("hidden")]] State;

  reactor::Handle<State> state_;
};

}  // namespace web
#pragma GCC visibility pop
