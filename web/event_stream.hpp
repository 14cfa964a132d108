// Server-sent events: a response that brings one event after the other to a browser.
#pragma once

#include <string_view>
#include <utility>

#include "web/response.hpp"

#pragma GCC visibility push(default)
namespace web::inline v0 {

/// One event; empty parts are not sent.
struct ServerEvent {
  std::string_view data;   ///< Any lines.
  std::string_view event;  ///< Its type; without a line end.
  std::string_view id;     ///< What the client sends as Last-Event-ID when it connects again.
};

/// Sends events until the client leaves, or the server drains.
///
///     web::EventStream events(std::move(response));
///     timer = reactor::Timer::every(loop, 1s, [&] { events.send({.data = "tick"}); });
///
/// A drain ends it, unless response().on_finish() is set to something else.
class EventStream {
 public:
  /// Sends the head. `fields` are sent in addition to Content-Type and Cache-Control.
  explicit EventStream(Response response, FieldList fields = {});

  /// Returns `refused` if `event` or `id` contain a line end or a NUL, and sends nothing.
  reactor::WriteStatus send(const ServerEvent& event);
  reactor::WriteStatus send(std::string_view data) { return send({data, {}, {}}); }

  /// A comment, which clients ignore: it keeps proxies from ending a silent connection.
  reactor::WriteStatus send_comment();

  /// For on_close and on_drained.
  [[nodiscard]] Response& response() { return response_; }
  void close() { response_.end(); }

 private:
  Response response_;
};

}  // namespace web
#pragma GCC visibility pop
