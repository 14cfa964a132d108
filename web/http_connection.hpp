// One connection of an HttpServer: requests in, responses out, with a time limit for each wait.
// Internal.
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocols/http/collector.hpp"
#include "protocols/http/server_connection.hpp"
#include "reactor/fair_share.hpp"
#include "reactor/handle.hpp"
#include "reactor/idle_timeout.hpp"
#include "reactor/stream.hpp"
#include "web/exchange.hpp"
#include "web/file_content.hpp"
#include "web/response.hpp"
#include "web/server_context.hpp"
#include "web/tcp_progress.hpp"
#include "web/upgraded.hpp"

namespace web::inline v0 {

/// What the log states of the current request.
struct AccessLine {
  std::string peer;
  std::string method;
  std::string target;
  unsigned char minor_version = 1;
  int status = 0;
  reactor::Loop::Clock::time_point began{};
};

/// A body that is being collected for the handler of `route`.
struct CollectedBody {
  CollectedBody(ServerContext& of, Route& to, NamedValues values)
      : context(of),
        collector(of.options.max_body_bytes),
        route(to),
        parameters(std::move(values)) {}
  ~CollectedBody() { context.collected_bytes -= counted; }
  CollectedBody(const CollectedBody&) = delete;
  CollectedBody& operator=(const CollectedBody&) = delete;

  ServerContext& context;
  protocols::http::RequestCollector collector;
  Route& route;
  NamedValues parameters;
  std::size_t counted = 0;  ///< In context.collected_bytes.
};

class HttpConnection final : public reactor::HandleState, public Connection {
 public:
  HttpConnection(reactor::Stream& stream, ServerContext& context);
  ~HttpConnection() override;

  // ---- The server calls these.
  void on_data(protocols::Bytes bytes);
  void on_end();
  void on_drained();
  void on_close(const reactor::Error& error);
  void finish();
  /// The next response is the last.
  void close_after_response() { http_.close_after_answer(); }

  // ---- As a Connection
  WriteStatus send(int status, FieldList fields, std::string_view body) override;
  WriteStatus send_error(int status, std::string_view why, FieldList fields) override;
  WriteStatus send_file(FileContent content, FieldList fields, const Exchange& exchange) override;
  WriteStatus begin(int status, FieldList fields, std::optional<std::uint64_t> length) override;
  WriteStatus write(std::string_view piece) override;
  WriteStatus end(FieldList trailers) override;
  WriteStatus early_hints(FieldList fields) override;
  std::shared_ptr<Tunnel> upgrade(std::string_view protocol, FieldList fields) override;
  WriteStatus write_tunnel(protocols::Bytes bytes) override;
  void abandon() override;
  void continue_later() override;
  void close() override;
  void abort() override;
  [[nodiscard]] reactor::Stream* stream() const override { return stream_; }
  [[nodiscard]] reactor::Loop& loop() const override { return context_.loop; }

 private:
  enum class Waits : unsigned char { first, idle, head, body, reader };
  enum class Answer : unsigned char { none, begun, ending };  // Of the current exchange.

  template <class Function>
  auto enter(Function function);

  // ---- Progress
  void serve();
  bool step();
  bool step_tunnel();
  [[nodiscard]] bool passes_on() const;
  void pass_on(protocols::Bytes bytes);
  void note_dry();
  void take(const protocols::http::RequestEvent& event);
  void flush();
  void note(WriteStatus written);
  [[nodiscard]] bool is_open() const { return stream_ != nullptr && !closing_; }

  // ---- Requests
  void begin_exchange(const protocols::http::RequestHead& head);
  void dispatch(const protocols::http::RequestHead& head);
  void dispatch_path(const protocols::http::RequestHead& head,
                     const protocols::http::Target& target);
  void begin_route(const protocols::http::RequestHead& head, const protocols::http::Target& target,
                   Route& route, NamedValues parameters);
  void collect(protocols::Bytes piece);
  void end_collecting(const protocols::http::RequestEvent& event);
  void call(Route& route, const protocols::http::RequestHead& head,
            const protocols::http::Target& target, const NamedValues& parameters,
            std::string_view body);
  template <class Slot, class... Arguments>
  void run(Slot slot, bool once, Arguments... arguments);
  template <class Slot, class... Arguments>
  void run_tunnel(Slot slot, bool once, Arguments... arguments);
  [[nodiscard]] bool wants_body() const;
  [[nodiscard]] bool has_fallback() const {
    return context_.fallback.handler || context_.fallback.stream_handler;
  }

  // ---- Responses
  void fail(std::string_view why);
  void send_content(FileContent& content, std::uint64_t offset, std::uint64_t size);
  WriteStatus refuse_fields(int status, FieldList fields);
  void write_pieces(std::string_view text);
  bool write_kept();
  [[nodiscard]] std::size_t kept_size() const { return kept_.size() - kept_offset_; }
  void complete(std::string_view error = {});
  void detach();
  void end_exchange(const reactor::Error& error);
  void log(std::string_view error);
  void note_peer();
  void throw_pending();

  // ---- Time
  void update_wait();
  void pause(bool paused);
  void wait(Waits what);
  void on_expired();
  void begin_period();
  [[nodiscard]] std::optional<bool> reads_on();
  [[nodiscard]] std::optional<bool> takes_output();
  void time_out();

  void on_retired() noexcept override;

  // Also while the stream reports its end after the server is destroyed.
  const reactor::Use context_lives_;
  ServerContext& context_;
  reactor::Stream* stream_;  // Null once it has ended.
  protocols::http::ServerConnection http_;
  std::vector<std::byte> out_;  // Not given to the stream yet.
  std::shared_ptr<Exchange> exchange_;
  std::shared_ptr<Tunnel> tunnel_;
  std::unique_ptr<CollectedBody> collecting_;
  std::string kept_;  // What waits for room in the stream, from kept_offset_ on.
  std::size_t kept_offset_ = 0;
  protocols::http::FieldLines trailers_;
  reactor::IdleTimeout idle_timeout_;
  reactor::FairShare::Client share_;
  WriteStatus written_ = WriteStatus::sent;  // By the last write.
  Waits waits_ = Waits::first;
  Answer answer_ = Answer::none;
  bool serving_ = false;
  bool new_request_ = false;   // Since the timeout was set.
  bool may_upgrade_ = false;   // The request is whole and wants to.
  bool full_ = false;          // Until on_drained().
  bool owes_drained_ = false;  // A write() has returned above_high_water.
  bool paused_ = false;
  bool draining_ = false;
  bool closing_ = false;
  bool refused_ = false;
  bool client_ended_ = false;
  bool tunnel_is_dry_ = false;  // http_ has no bytes of it.
  std::uint64_t received_ = 0;
  std::uint64_t received_before_ = 0;  // Before the current period.
  TcpProgress sending_;                // At the last check.
  std::uint64_t waiting_ = 0;          // Here and in the kernel, at the last check.
  AccessLine line_;
  std::exception_ptr thrown_;  // By on_response, or by a callback of an Upgraded.
};

/// Calls a callback of the current exchange, which may do anything: it is moved out of the exchange
/// while it runs, and back when it may be called again.
template <class Slot, class... Arguments>
void HttpConnection::run(Slot slot, bool once, Arguments... arguments) {
  const std::shared_ptr<Exchange> exchange = exchange_;
  if (!exchange || !((*exchange).*slot)) return;
  auto running = std::move((*exchange).*slot);
  try {
    running(arguments...);
  } catch (const std::exception& thrown) {
    if (exchange->connection) fail(thrown.what());
    return;
  } catch (...) {
    if (exchange->connection) fail("an exception of an unknown type");
    return;
  }
  const bool is_replaced = static_cast<bool>((*exchange).*slot);
  if (!once && exchange->connection && !is_replaced) (*exchange).*slot = std::move(running);
}

/// The same for a callback of an Upgraded. What it throws comes out of Loop::run.
template <class Slot, class... Arguments>
void HttpConnection::run_tunnel(Slot slot, bool once, Arguments... arguments) {
  const std::shared_ptr<Tunnel> tunnel = tunnel_;
  if (!tunnel || !((*tunnel).*slot)) return;
  auto running = std::move((*tunnel).*slot);
  try {
    running(arguments...);
  } catch (...) {
    if (!thrown_) thrown_ = std::current_exception();
  }
  const bool is_replaced = static_cast<bool>((*tunnel).*slot);
  if (!once && tunnel->connection && !is_replaced) (*tunnel).*slot = std::move(running);
}

/// Calls `function` for the user: it may destroy this connection, and what the log throws comes out
/// of it.
template <class Function>
auto HttpConnection::enter(Function function) {
  const reactor::Use use(*this);
  auto result = function();
  if (!serving_) throw_pending();
  return result;
}

/// What a reactor::Server keeps for each connection.
struct HttpSession {
  HttpSession(reactor::Stream& stream, ServerContext& context)
      : connection(new HttpConnection(stream, context)) {}

  void on_data(protocols::Bytes bytes) { connection->on_data(bytes); }
  void on_end() { connection->on_end(); }
  void on_drained() { connection->on_drained(); }
  void on_close(const reactor::Error& error) { connection->on_close(error); }
  void finish() { connection->finish(); }

  reactor::Handle<HttpConnection> connection;
};

}  // namespace web
