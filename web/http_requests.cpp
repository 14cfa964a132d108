// How a connection finds the handler of a request and calls it.
#include <algorithm>
#include <string>
#include <utility>

#include "protocols/http/status.hpp"
#include "protocols/http/target.hpp"
#include "web/http_connection.hpp"

namespace web::inline v0 {

using protocols::http::equal_ignoring_case;
using protocols::http::Framing;
using protocols::http::RequestEvent;
using protocols::http::RequestHead;
using protocols::http::Target;

namespace {

// The methods that RFC 9110 and RFC 5789 define.
bool is_known(std::string_view method) {
  constexpr std::string_view methods[] = {"GET",     "HEAD",    "POST",  "PUT",  "DELETE",
                                          "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  return std::find(std::begin(methods), std::end(methods), method) != std::end(methods);
}

}  // namespace

void HttpConnection::begin_exchange(const RequestHead& head) {
  new_request_ = true;
  detach();
  exchange_ = std::make_shared<Exchange>(*this);
  line_.status = 0;
  if (context_.on_response) {
    note_peer();
    line_.method = head.method;
    line_.target = head.target;
    line_.minor_version = head.minor_version;
    line_.began = context_.loop.now();
  }
  dispatch(head);
}

void HttpConnection::dispatch(const RequestHead& head) {
  using Form = protocols::http::TargetForm;
  if (!is_known(head.method) && !context_.routes.has_method(head.method)) {
    send_error(501, "the server has no route of this method", {});
    return;
  }
  const auto target = protocols::http::parse_target(head.method, head.target);
  const std::string scheme = stream_->tls_info() ? "https" : "http";
  if (!target) {
    send_error(400, "the target does not fit the method", {});
  } else if (target->form == Form::absolute && !equal_ignoring_case(target->scheme, scheme)) {
    send_error(421, "the connection is for resources of " + scheme, {});  // RFC 9110 7.4
  } else if (target->form == Form::origin || target->form == Form::absolute) {
    dispatch_path(head, *target);
  } else if (has_fallback()) {
    begin_route(head, *target, context_.fallback, {});
  } else if (target->form == Form::asterisk) {
    send(204, {{"Allow", context_.routes.methods()}}, {});
  } else {
    send_error(405, "the server does not connect to others",
               {{"Allow", context_.routes.methods()}});
  }
}

void HttpConnection::dispatch_path(const RequestHead& head, const Target& target) {
  const auto segments = decode_segments(target.path);
  if (!segments) {
    send_error(400, "the path has a segment that no route can have, or an incorrect encoding", {});
    return;
  }
  Routes::Match match = context_.routes.find(head.method, *segments);
  if (match.route) return begin_route(head, target, *match.route, std::move(match.parameters));
  if (match.allowed.empty()) {
    if (has_fallback()) return begin_route(head, target, context_.fallback, {});
    send_error(404, "there is no route for this path", {});
  } else if (head.method == "OPTIONS") {
    send(204, {{"Allow", match.allowed}}, {});
  } else {
    send_error(405, "this path has the methods " + match.allowed, {{"Allow", match.allowed}});
  }
}

void HttpConnection::begin_route(const RequestHead& head, const Target& target, Route& route,
                                 NamedValues parameters) {
  const bool chunked = head.framing == Framing::chunked;
  const bool has_body = chunked || head.content_length > 0;
  const bool switches = head.method == "CONNECT" || !head.upgrade.empty();
  if (route.stream_handler || (!has_body && !switches)) {
    return call(route, head, target, parameters, {});
  }
  collecting_ = std::make_unique<CollectedBody>(context_, route, std::move(parameters));
  collecting_->collector.add({RequestEvent::Kind::head, {}, &head});
  if (collecting_->collector.too_large()) {
    send_error(413, "the body is larger than this server collects", {});
  }
}

void HttpConnection::collect(protocols::Bytes piece) {
  collecting_->counted += piece.size();
  context_.collected_bytes += piece.size();
  if (context_.collected_bytes > context_.options.max_total_body_bytes) {
    send_error(503, "the server has no room for the body now", {});
    return;
  }
  collecting_->collector.add({RequestEvent::Kind::body, piece});
  if (collecting_->collector.too_large()) {
    send_error(413, "the body is larger than this server collects", {});
  }
}

void HttpConnection::end_collecting(const RequestEvent& event) {
  const auto collected = std::move(collecting_);
  const auto* const message = collected->collector.add(event);
  const RequestHead& head = message->head;
  const auto target = protocols::http::parse_target(head.method, head.target);
  may_upgrade_ = head.method == "CONNECT" || !head.upgrade.empty();
  call(collected->route, head, *target, collected->parameters, protocols::as_text(message->body));
}

void HttpConnection::call(Route& route, const RequestHead& head, const Target& target,
                          const NamedValues& parameters, std::string_view body) {
  const std::shared_ptr<Exchange> exchange = exchange_;
  const Request request(head, target, parameters, body, *exchange);
  exchange->head = &head;
  exchange->in_handler = true;
  std::string failure;
  try {
    if (route.stream_handler) {
      route.stream_handler(request, RequestBody(exchange), Response(exchange));
    } else if (route.handler) {
      route.handler(request, Response(exchange));
    } else {
      failure = "the fallback was replaced while the body arrived";
    }
  } catch (const std::exception& thrown) {
    failure = thrown.what();
    if (failure.empty()) failure = "an exception without a text";
  } catch (...) {
    failure = "an exception of an unknown type";
  }
  exchange->in_handler = false;
  exchange->head = nullptr;
  if (!exchange->connection) return;
  if (!failure.empty()) return fail(failure);
  if (exchange->abandoned) return abandon();
  if (answer_ == Answer::none) exchange->conditions = std::make_unique<Exchange::Conditions>(head);
}

}  // namespace web
