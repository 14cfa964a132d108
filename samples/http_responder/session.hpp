// One connection: requests in, responses out, with a time limit for each wait.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/http/server_connection.hpp"
#include "reactor/fair_share.hpp"
#include "reactor/file.hpp"
#include "reactor/idle_timeout.hpp"
#include "reactor/stream.hpp"
#include "samples/support/fair_work.hpp"
#include "web/tcp_progress.hpp"

namespace responder {

class Session;
class SessionContext;

/// A request with a delayed response: its body is needed, or the response takes several writes.
class Exchange {
 public:
  virtual ~Exchange() = default;

  virtual void on_body(Session&, protocols::Bytes) {}
  virtual void on_request_end(Session&) {}

  /// Writes some more of the response; false if nothing can be written now.
  virtual bool write_more(Session&) { return false; }

  /// The server is about to end: ends a response that has no end of its own.
  virtual void on_finish(Session&) {}
};

class Session {
 public:
  using Fields = protocols::http::FieldList;

  Session(reactor::Stream& stream, SessionContext& context);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // The server calls these.
  void on_data(protocols::Bytes bytes);
  void on_end();
  void on_drained();
  void finish();

  // These respond to the current request, directly or from an exchange.
  void answer(int status, Fields fields, std::string_view body);
  void answer_error(int status, Fields fields = {});
  void answer_file(int status, Fields fields, reactor::File file, std::uint64_t offset,
                   std::uint64_t size);
  void begin_answer(int status, Fields fields);
  [[nodiscard]] bool sends_body() const { return http_.sends_body(); }
  void write_body(std::string_view piece);
  void end_answer();
  /// Ends the connection, so that the client does not take a partial response for the whole one.
  void break_off() { stream_.abort(); }
  void start(std::unique_ptr<Exchange> exchange) { exchange_ = std::move(exchange); }

  /// Sends what was written outside of the callbacks above.
  void flush();
  /// Does the same, and continues with the next request if the response is complete.
  void serve();

  [[nodiscard]] SessionContext& context() { return context_; }

  /// Runs this client's work on the thread pool.
  [[nodiscard]] samples::FairWork::Client worker();

 private:
  enum class Waits : unsigned char { first, idle, head, body, reader };

  bool step();
  void take(const protocols::http::RequestEvent& event);
  void update_wait();
  void pause(bool paused);
  void wait(Waits what);
  void on_expired();
  void begin_period();
  [[nodiscard]] std::optional<bool> reads_on();
  void refuse();
  void note(int status);
  void close();

  reactor::Stream& stream_;
  SessionContext& context_;
  protocols::http::ServerConnection http_;
  std::unique_ptr<Exchange> exchange_;
  reactor::IdleTimeout idle_timeout_;
  reactor::FairShare::Client share_;
  Waits waits_ = Waits::first;
  bool new_request_ = false;  // Since the timeout was set.
  bool full_ = false;         // Until on_drained().
  bool paused_ = false;
  bool draining_ = false;
  bool refused_ = false;
  std::uint64_t received_ = 0;
  std::uint64_t received_before_ = 0;  // Before the current period.
  web::TcpProgress sending_;           // At the last check.
  std::string request_line_;           // For the log.
};

}  // namespace responder
