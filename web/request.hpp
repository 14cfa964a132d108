// What a client sent: the head of a request, its parameters, and its body.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "protocols/http/form.hpp"
#include "protocols/http/message.hpp"
#include "protocols/http/target.hpp"
#include "reactor/address.hpp"
#include "reactor/callback.hpp"
#include "reactor/result.hpp"

namespace web::inline v0 {
class Exchange;

#pragma GCC visibility push(default)

using protocols::http::decode_form;
using protocols::http::NamedValues;

/// A request, as its handler receives it.
///
///     server.route("GET", "/users/{id}", [](const web::Request& request, web::Response response) {
///       const std::string& id = request.parameter("id");
///       const bool brief = request.query_parameter("brief") == "1";
///       response.send(200, id + (brief ? "\n" : ", in full\n"));
///     });
///
/// Lifetime  Until the handler returns: copy what is needed later.
class Request {
 public:
  [[nodiscard]] std::string_view method() const { return head_.method; }
  /// As sent: `/path?query`, `http://host/path`, `host:port` or `*`.
  [[nodiscard]] std::string_view target() const { return head_.target; }
  /// Still percent-encoded: see protocols::http::decode_path().
  [[nodiscard]] std::string_view path() const { return target_.path; }
  /// What follows the question mark, still encoded.
  [[nodiscard]] std::string_view query() const { return target_.query; }

  /// The part of the path that `{name}` of the pattern stands for, percent-decoded once; empty if
  /// the pattern has no such name. It may contain a slash that was sent as `%2F`: as the name of a
  /// file use it with a web::Folder only.
  [[nodiscard]] const std::string& parameter(std::string_view name) const;

  /// The first value of this name in the query.
  [[nodiscard]] std::optional<std::string> query_parameter(std::string_view name) const;
  [[nodiscard]] NamedValues query_parameters() const { return decode_form(target_.query); }

  /// The value of the first field of this name, whatever the case of its letters.
  [[nodiscard]] std::optional<std::string_view> field(std::string_view name) const {
    return head_.fields.find(name);
  }
  [[nodiscard]] const protocols::http::RequestHead& head() const { return head_; }

  /// All of the body; empty in a handler that takes a RequestBody.
  [[nodiscard]] std::string_view body() const { return body_; }

  /// The address of the client; nothing if the system does not know it.
  [[nodiscard]] std::optional<reactor::Address> peer() const;

  /// Internal: the connection classes make requests.
  Request(const protocols::http::RequestHead& head, const protocols::http::Target& target,
          const NamedValues& parameters, std::string_view body, Exchange& exchange)
      : head_(head), target_(target), parameters_(parameters), body_(body), exchange_(exchange) {}

 private:
  const protocols::http::RequestHead& head_;
  const protocols::http::Target& target_;
  const NamedValues& parameters_;
  std::string_view body_;
  Exchange& exchange_;
};

/// The body of a request, read as it arrives, with back-pressure.
///
///     server.route("PUT", "/count", [](const web::Request&, web::RequestBody body,
///                                      web::Response response) {
///       auto size = std::make_shared<std::uint64_t>(0);
///       body.on_data([size](web::RequestBody::Bytes bytes) { *size += bytes.size(); });
///       body.on_end([size, response = std::move(response)]() mutable {
///         response.send(200, std::to_string(*size) + " bytes\n");
///       });
///     });
///
/// Nothing is read before on_data(): a client that waits for 100 (Continue) gets it only then. A
/// response that is sent before means that the body is not wanted. The callbacks are destroyed when
/// the response is complete or the connection has ended; Response::on_close reports the latter.
///
/// Lifetime  A copyable reference, which may outlive request, connection and server.
/// Thread    The loop's thread only.
class RequestBody {
 public:
  using Bytes = std::span<const std::byte>;

  /// The next piece, valid until the callback returns. Called in later iterations too.
  void on_data(reactor::Callback<void(Bytes)> on_data);
  /// The body is complete. Called once, also for an empty one.
  void on_end(reactor::Callback<void()> on_end);

  /// Stops reading until resume(); the client is then stopped from sending, without a time limit.
  void pause();
  void resume();

  /// Internal: the connection classes make bodies.
  explicit RequestBody(std::shared_ptr<Exchange> exchange) : exchange_(std::move(exchange)) {}

 private:
  std::shared_ptr<Exchange> exchange_;
};

}  // namespace web
#pragma GCC visibility pop
