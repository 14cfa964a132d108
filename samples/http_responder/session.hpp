// One connection: requests in, answers out, and nobody may take for ever.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/http/server_connection.hpp"
#include "reactor/file.hpp"
#include "reactor/idle_timeout.hpp"
#include "reactor/stream.hpp"
#include "samples/support/fair_share.hpp"
#include "samples/support/fair_work.hpp"
#include "samples/support/tcp_progress.hpp"

namespace responder {

class Session;
class SessionContext;

/// A request that is not answered at once: its body is wanted, or its answer takes several writes.
class Exchange {
 public:
  virtual ~Exchange() = default;

  virtual void on_body(Session&, protocols::Bytes) {}
  virtual void on_request_end(Session&) {}

  /// Writes some more of the answer; false where nothing is to be written now.
  virtual bool write_more(Session&) { return false; }

  /// The server is about to end: so does what has no end of its own.
  virtual void on_finish(Session&) {}
};

class Session {
 public:
  using Fields = protocols::http::FieldList;

  Session(reactor::Stream& stream, SessionContext& context);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // What the server calls.
  void on_data(protocols::Bytes bytes);
  void on_end();
  void on_drained();
  void finish();

  // How the present request is answered: by one of these, at once or by an exchange.
  void answer(int status, Fields fields, std::string_view body);
  void answer_error(int status, Fields fields = {});
  void answer_file(int status, Fields fields, reactor::File file, std::uint64_t offset,
                   std::uint64_t size);
  void begin_answer(int status, Fields fields);
  [[nodiscard]] bool sends_body() const { return http_.sends_body(); }
  void write_body(std::string_view piece);
  void end_answer();
  /// Ends the connection, so that what was sent of an answer is not taken for all of it.
  void break_off() { stream_.abort(); }
  void start(std::unique_ptr<Exchange> exchange) { exchange_ = std::move(exchange); }

  /// Sends what was written outside of the callbacks above.
  void flush();
  /// So it does, and goes on with the next request where that was all of the answer.
  void serve();

  [[nodiscard]] SessionContext& context() { return context_; }

  /// Does on the thread pool what this client asks for.
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
  samples::FairShare::Client share_;
  Waits waits_ = Waits::first;
  bool new_request_ = false;  // Since the timeout was set.
  bool full_ = false;         // Until on_drained().
  bool paused_ = false;
  bool draining_ = false;
  bool refused_ = false;
  std::uint64_t received_ = 0;
  std::uint64_t received_before_ = 0;  // The present period.
  samples::TcpProgress sending_;       // When it was last looked at.
  std::string request_line_;           // For the log.
};

}  // namespace responder
