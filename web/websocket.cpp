#include "web/websocket.hpp"

#include <algorithm>
#include <exception>
#include <list>
#include <memory>
#include <utility>

#include "protocols/websocket/handshake.hpp"
#include "web/http_server.hpp"
#include "web/url.hpp"
#include "web/websocket_state.hpp"

namespace web::inline v0 {

using protocols::http::equal_ignoring_case;
using protocols::websocket::Role;
using reactor::Error;
using reactor::WriteStatus;

namespace {

// Whether the page that makes the request may connect.
bool is_allowed(const Request& request, const std::vector<std::string>& origins) {
  const auto origin = request.field("Origin");
  if (!origin) return true;
  const auto is_same = [&](const std::string& allowed) {
    return allowed == "*" || equal_ignoring_case(allowed, *origin);
  };
  if (std::any_of(origins.begin(), origins.end(), is_same)) return true;
  const std::size_t scheme_end = origin->find("://");
  const auto host = request.field("Host");
  return scheme_end != origin->npos && host &&
         equal_ignoring_case(origin->substr(scheme_end + 3), *host);
}

// A ws or wss URL has the syntax of an http or https one (RFC 6455 3).
ParsedUrl parse_websocket_url(std::string_view url) {
  struct Scheme {
    std::string_view name, http;
  };
  for (const auto& [name, http] : {Scheme{"ws:", "http:"}, Scheme{"wss:", "https:"}}) {
    if (!equal_ignoring_case(url.substr(0, name.size()), name)) continue;
    return parse_url(std::string(http).append(url.substr(name.size())));
  }
  return tl::unexpected<std::string>("it is no ws:// or wss:// URL");
}

}  // namespace

WebSocket::WebSocket(WebSocketState* state) : state_(state) {}
WebSocket::WebSocket(WebSocket&&) noexcept = default;
WebSocket& WebSocket::operator=(WebSocket&&) noexcept = default;
WebSocket::~WebSocket() = default;

std::optional<WebSocket> WebSocket::accept(const Request& request, Response& response,
                                           const WebSocketOptions& options) {
  const auto opening = protocols::websocket::read_opening(request.head());
  if (opening.status != 101) {
    const std::string text = std::string(opening.problem) + "\n";
    if (opening.status == 426) {
      auto fields = protocols::websocket::upgrade_required();
      if (fields.add({"Content-Type", "text/plain; charset=utf-8"})) {
        response.send(opening.status, fields, text);
      }
    } else {
      response.send(opening.status, text);
    }
    return {};
  }
  if (!is_allowed(request, options.origins)) {
    response.send(403, "pages of this origin may not connect\n");
    return {};
  }
  std::optional<protocols::websocket::DeflateChoice> deflate;
  if (options.deflate && can_deflate()) {
    deflate = protocols::websocket::choose_deflate(
        protocols::websocket::extensions_of(request.head()), *options.deflate);
  }
  const std::vector<std::string_view> supported(options.subprotocols.begin(),
                                                options.subprotocols.end());
  const std::string subprotocol(
      protocols::websocket::choose_subprotocol(request.head(), supported));
  const auto fields =
      protocols::websocket::accept_fields(opening.key, subprotocol, deflate ? deflate->field : "");
  auto connection = fields ? response.upgrade("websocket", *fields) : std::optional<Upgraded>();
  if (!connection) {
    response.send(400, "the connection cannot be upgraded\n");
    return {};
  }
  auto* const state = new WebSocketState(connection->loop(), Role::server, options);
  WebSocket socket(state);
  state->attach(WebSocketTransport(std::move(*connection)));
  state->open(deflate ? WebSocketState::Deflate(deflate->parameters) : std::nullopt, subprotocol);
  return socket;
}

WebSocket WebSocket::connect(reactor::Loop& loop, reactor::Stream stream, std::string_view host,
                             std::string_view target, const WebSocketOptions& options) {
  auto* const state = new WebSocketState(loop, Role::client, options);
  WebSocket socket(state);
  state->attach(WebSocketTransport(std::move(stream)));
  state->open_by(WebSocketOpening(host, target, options), options.open_timeout);
  return socket;
}

WebSocket WebSocket::connect(reactor::Loop& loop, std::string_view url,
                             const WebSocketOptions& options) {
  auto parts = parse_websocket_url(url);
  if (parts && parts->secure && !options.tls) {
    parts = tl::unexpected<std::string>("wss needs WebSocketOptions::tls");
  }
  if (!parts) {
    auto* const state = new WebSocketState(loop, Role::client, options);
    WebSocket socket(state);
    state->attach(WebSocketTransport(reactor::Stream::connect(loop, "")));
    state->fail_to_open(Error{std::make_error_code(std::errc::invalid_argument), "open a WebSocket",
                              std::string(url), parts.error()});
    return socket;
  }
  reactor::ConnectOptions connecting;
  connecting.timeout = options.open_timeout;
  auto stream = reactor::Stream::connect(loop, parts->endpoint, connecting);
  if (parts->secure) stream.secure(*options.tls, parts->name());
  return connect(loop, std::move(stream), parts->host, parts->target, options);
}

void WebSocket::on_open(reactor::Callback<void()> on_open) {
  state_->replace(state_->on_open, std::move(on_open));
}
void WebSocket::on_message(reactor::Callback<void(const Message&)> on_message) {
  state_->replace(state_->on_message, std::move(on_message));
}
void WebSocket::on_pong(reactor::Callback<void(Bytes)> on_pong) {
  state_->replace(state_->on_pong, std::move(on_pong));
}
void WebSocket::on_drained(reactor::Callback<void()> on_drained) {
  state_->replace(state_->on_drained, std::move(on_drained));
}
void WebSocket::on_close(reactor::Callback<void(const WebSocketEnd&)> on_close) {
  state_->replace(state_->on_close, std::move(on_close));
}

WriteStatus WebSocket::send(std::string_view text) {
  return state_->note(state_->output.message(Kind::text, protocols::as_bytes(text)));
}
WriteStatus WebSocket::send(Bytes binary) {
  return state_->note(state_->output.message(Kind::binary, binary));
}
WriteStatus WebSocket::send(const Message& message) {
  const bool is_whole = message.first && message.last;
  if (!is_whole) return send_piece(message.kind, message.data, message.last);
  return state_->note(state_->output.message(message.kind, message.data));
}
WriteStatus WebSocket::send_piece(Kind kind, Bytes piece, bool last) {
  return state_->note(state_->output.piece(kind, piece, last));
}
WriteStatus WebSocket::ping(Bytes payload) { return state_->note(state_->output.ping(payload)); }

WriteStatus WebSocket::close(std::uint16_t code, std::string_view reason) {
  return state_->close(code, reason);
}
void WebSocket::abort() { state_->abort(); }
void WebSocket::pause() { state_->pause(); }
void WebSocket::resume() { state_->resume(); }

bool WebSocket::is_open() const { return state_->is_open(); }
const std::string& WebSocket::subprotocol() const { return state_->subprotocol; }
bool WebSocket::is_compressed() const { return state_->output.is_compressed(); }
std::size_t WebSocket::queued_bytes() const { return state_->output.waiting_bytes(); }
reactor::Stream* WebSocket::stream() const { return state_->stream(); }

WebSocketState* WebSocket::state() const { return state_.get(); }

void route_websocket(HttpServer& server, std::string_view pattern,
                     reactor::Callback<void(WebSocket&)> on_open, WebSocketOptions options) {
  route_websocket(
      server, pattern,
      [on_open = std::move(on_open)](WebSocket& socket, const Request&) mutable {
        on_open(socket);
      },
      std::move(options));
}

void route_websocket(HttpServer& server, std::string_view pattern,
                     reactor::Callback<void(WebSocket&, const Request&)> on_open,
                     WebSocketOptions options) {
  using Owned = std::list<WebSocket>;
  server.route(
      "GET", pattern,
      [on_open = std::move(on_open), options = std::move(options),
       owned = std::make_shared<Owned>()](const Request& request, Response response) mutable {
        auto accepted = WebSocket::accept(request, response, options);
        if (!accepted) return;
        // Also if the handler is destroyed by what it calls.
        const auto kept = owned;  // NOLINT(performance-unnecessary-copy-initialization)
        WebSocketState* const state = accepted->state();
        const auto place = kept->insert(kept->end(), std::move(*accepted));
        state->on_released = [weak = std::weak_ptr<Owned>(owned), place] {
          if (const auto list = weak.lock()) list->erase(place);
        };
        const reactor::Use use(*state);
        std::exception_ptr thrown;
        try {
          on_open(*place, request);
        } catch (...) {
          thrown = std::current_exception();
        }
        if (state->on_released && !place->state()) {  // It has another owner.
          state->on_released = {};
          kept->erase(place);
        } else if (state->on_released && thrown) {
          place->close(close_code::internal_error);
        }
        if (thrown) std::rethrow_exception(thrown);
      });
}

}  // namespace web
