#include "web/websocket_opening.hpp"

#include <array>
#include <utility>

#include "reactor/random_bytes.hpp"
#include "web/websocket_deflate.hpp"

namespace web::inline v0 {

using protocols::http::ResponseEvent;
using protocols::http::ResponseHead;
using reactor::Error;
using reactor::Failure;

WebSocketOpening::WebSocketOpening(std::string_view host, std::string_view target,
                                   const WebSocketOptions& options)
    : subject_(std::string(host).append(target)),
      target_(target),
      http_(std::string(host)),
      fields_(options.fields) {
  std::array<std::byte, 16> key;
  reactor::fill_randomly(key);
  offer_.key = protocols::websocket::key_of(key);
  offer_.subprotocols = options.subprotocols;
  if (options.deflate && can_deflate()) {
    offered_ = options.deflate;
    offer_.extensions = protocols::websocket::deflate_offer(*offered_);
  }
}

Error WebSocketOpening::error(std::errc code, std::string hint) const {
  return {std::make_error_code(code), "open a WebSocket", subject_, std::move(hint)};
}

reactor::Result<std::vector<std::byte>> WebSocketOpening::request() {
  auto fields = protocols::websocket::request_fields(offer_);
  if (!fields) {
    return Failure(error(std::errc::invalid_argument, "a subprotocol is not a token"));
  }
  for (const auto& [name, value] : fields_) {
    if (!fields->add({name, value})) {
      return Failure(error(std::errc::invalid_argument, "a field cannot be sent"));
    }
  }
  std::vector<std::byte> request;
  if (!http_.request(request, "GET", target_, *fields)) {
    return Failure(error(std::errc::invalid_argument,
                         "the host, the target or a field cannot be "
                         "sent"));
  }
  return request;
}

reactor::Result<bool> WebSocketOpening::read(protocols::Bytes bytes, std::vector<std::byte>& rest) {
  http_.feed(bytes);
  while (const auto event = http_.next()) {
    if (event->kind == ResponseEvent::Kind::head) {
      if (auto problem = check(*event->head)) return Failure(std::move(*problem));
    } else if (event->kind == ResponseEvent::Kind::tunnel) {
      rest.insert(rest.end(), event->bytes.begin(), event->bytes.end());
    }
  }
  if (http_.error()) {
    return Failure(Error{http_.error(), "open a WebSocket", subject_, "the response is not HTTP"});
  }
  http_.copy_tail();
  return accepted_;
}

Error WebSocketOpening::finish() {
  return error(std::errc::connection_aborted, "the server closed before it responded");
}

std::optional<Error> WebSocketOpening::check(const ResponseHead& head) {
  constexpr int switching = 101;
  if (head.status < switching || (head.status > switching && head.status < 200)) return {};
  if (head.status != switching) {
    return error(std::errc::connection_refused,
                 "the server responded with status " + std::to_string(head.status));
  }
  const auto opened = protocols::websocket::read_opened(head, offer_);
  if (!opened.problem.empty()) {
    return error(std::errc::protocol_error, std::string(opened.problem));
  }
  if (offered_) {
    const auto response = protocols::websocket::read_deflate_response(
        protocols::websocket::extensions_of(head), *offered_);
    if (!response.valid) {
      return error(std::errc::protocol_error, "the server uses an extension that was not offered");
    }
    deflate_ = response.parameters;
  }
  subprotocol_ = opened.subprotocol;
  accepted_ = true;
  return {};
}

}  // namespace web
