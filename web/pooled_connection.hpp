// One connection of an HttpClient, which makes one request after the other. Internal.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocols/http/client_connection.hpp"
#include "reactor/address.hpp"
#include "reactor/handle.hpp"
#include "reactor/idle_timeout.hpp"
#include "reactor/loop.hpp"
#include "reactor/stream.hpp"
#include "reactor/timer.hpp"
#include "web/fetch_state.hpp"
#include "web/http_client_options.hpp"
#include "web/url.hpp"

namespace web::inline v0 {

class PooledConnection;

/// What a connection requires of its client. None of it calls back.
class ConnectionOwner {
 public:
  virtual void on_connected(PooledConnection& connection, const reactor::Address& peer) = 0;
  /// Destroys the connection.
  virtual void remove(PooledConnection& connection) noexcept = 0;
  /// There may be a connection for fetches that wait: one is idle, paused or removed.
  virtual void serve() = 0;
  /// The same in a later iteration.
  virtual void serve_later() noexcept = 0;
  /// The fetch needs another connection.
  virtual void repeat(FetchState& fetch) = 0;

 protected:
  ~ConnectionOwner() = default;
};

class PooledConnection final : public reactor::HandleState, public FetchConnection {
 public:
  /// Connects to the origin of `url`: to `addresses`, if there are any, or through the proxy.
  PooledConnection(reactor::Loop& loop, ConnectionOwner& owner,
                   std::shared_ptr<const HttpClientOptions> options, const Url& url,
                   std::vector<reactor::Address> addresses);

  /// Makes this request, now or once it is connected.
  void assign(FetchState& fetch);

  [[nodiscard]] bool is_idle() const { return open_ && !fetch_; }
  /// Whether nothing has arrived since the last response: neither the end of the connection nor
  /// something that could be taken for the next response.
  [[nodiscard]] bool is_silent() const { return !stream_->has_input(); }
  [[nodiscard]] bool is_paused() const { return fetch_ && fetch_->is_paused() && sending(); }
  [[nodiscard]] const Url& url() const { return url_; }

  // ---- As a FetchConnection
  reactor::WriteStatus write_body(Fetch::Bytes piece) override;
  void end_body() override;
  void pause() override;
  void resume() override;
  void abandon() noexcept override;

 private:
  [[nodiscard]] bool sending() const { return open_; }
  [[nodiscard]] bool is_proxied() const { return proxied_; }

  // ---- The stream calls these.
  void connected();
  void secured(const reactor::TlsInfo& info);
  void receive(protocols::Bytes bytes);
  void receive_end();
  void drained();
  void closed(const reactor::Error& error);

  void secure();
  void begin_tunnel();
  void take_tunnel_events();
  void start_request();
  [[nodiscard]] std::vector<protocols::http::Field> fields_of(const FetchRequest& request) const;
  void send_body();
  void send(const std::vector<std::byte>& bytes);
  void wait_for_response();
  void take_events();
  bool take(const protocols::http::ResponseEvent& event);
  bool take_head(const protocols::http::ResponseHead& head);
  [[nodiscard]] bool goes_on();
  void complete();
  void become_idle();
  void time_out();
  [[nodiscard]] bool may_repeat() const;
  void repeat();
  void end_without_response(reactor::Error error);
  void give_up(reactor::Error error);
  void continue_later();
  void on_retired() noexcept override;

  reactor::Loop& loop_;
  ConnectionOwner& owner_;
  const std::shared_ptr<const HttpClientOptions> options_;
  const Url url_;  // Its target has no meaning.
  const bool proxied_;
  std::optional<reactor::Stream> stream_;  // Empty once retired.
  std::optional<protocols::http::ClientConnection> http_;
  reactor::IdleTimeout timeout_;
  std::optional<reactor::Timer> later_;
  FetchState* fetch_ = nullptr;
  reactor::Duration idle_timeout_;  // As far as the server agrees.
  std::size_t body_sent_ = 0;       // Of a body that is not streamed.
  bool open_ = false;               // Requests can be sent.
  bool tunnels_ = false;            // The proxy is to connect to the server.
  bool reused_ = false;             // The request is not the first one.
  bool received_ = false;           // Something, since the request.
  bool has_head_ = false;           // Of the final response.
  bool informs_ = false;            // The current response is an informational one.
  bool body_open_ = false;          // The request is not complete.
  bool full_ = false;               // Until drained().
};

}  // namespace web
