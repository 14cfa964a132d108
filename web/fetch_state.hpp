// The state of a Fetch, from one connection to the next. Internal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/http/message.hpp"
#include "reactor/handle.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"
#include "reactor/timer.hpp"
#include "web/content_decoder.hpp"
#include "web/fetch.hpp"
#include "web/http_client_options.hpp"
#include "web/url.hpp"

namespace web::inline v0 {

/// What a fetch requires of its client. None of it calls back.
class FetchPool {
 public:
  /// Waits for a connection, before those that were made later.
  virtual void add(FetchState& fetch) = 0;
  virtual void expedite(FetchState& fetch) = 0;
  /// The fetch is done, or destroyed.
  virtual void forget(FetchState& fetch) noexcept = 0;

 protected:
  ~FetchPool() = default;
};

/// What a fetch requires of its connection. None of it calls back.
class FetchConnection {
 public:
  virtual reactor::WriteStatus write_body(Fetch::Bytes piece) = 0;
  virtual void end_body() = 0;
  virtual void pause() = 0;
  virtual void resume() = 0;
  /// The fetch is over before its response is complete.
  virtual void abandon() noexcept = 0;

 protected:
  ~FetchConnection() = default;
};

class FetchState final : public reactor::HandleState {
 public:
  using OnDone = reactor::Callback<void(reactor::Result<FetchResponse>)>;

  FetchState(reactor::Loop& loop, std::shared_ptr<const HttpClientOptions> options,
             FetchRequest request, OnDone on_done);

  /// Checks the request, and waits for a connection of `pool`, or for the loop to report why not.
  void start(FetchPool& pool, std::uint64_t number);

  // ---- The client calls these.

  /// The client is destroyed.
  void lose_client() noexcept;

  // ---- The connection calls these; those that call the user back are marked so.

  /// This connection makes the request, as soon as it is established.
  void attach(FetchConnection& connection) { connection_ = &connection; }
  /// The head of the request is sent. Returns what was streamed before that.
  [[nodiscard]] std::string begin();
  /// The connection has nothing more to do with this fetch.
  void leave() {
    connection_ = nullptr;
    sending_ = false;
  }
  void take_head(const protocols::http::ResponseHead& head);  ///< Calls back.
  void take_body(protocols::Bytes piece);                     ///< Calls back.
  /// Whether a part of the last piece waits, since the fetch was paused in it.
  [[nodiscard]] bool has_rest() const { return stopped_; }
  void take_rest();    ///< Calls back.
  void take_end();     ///< The response is complete.
  void report_room();  ///< The connection has room for more of a body. Calls back.

  /// Follows a redirect, after take_end(). False if there is none, or it cannot be followed.
  [[nodiscard]] bool follow();
  /// Calls back for the last time.
  void finish(reactor::Error error = {});
  /// Ends the fetch, and calls back in a later iteration.
  void fail_later(reactor::Error error);

  [[nodiscard]] const Url& url() const { return url_; }
  [[nodiscard]] const FetchRequest& request() const { return request_; }
  [[nodiscard]] bool body_ended() const { return !request_.streams_body || body_ended_; }
  [[nodiscard]] bool requests_compressed() const;
  /// Whether the request may be sent again if nothing of a response has been received.
  [[nodiscard]] bool is_repeatable() const;
  [[nodiscard]] bool is_paused() const { return paused_; }
  [[nodiscard]] bool is_expedited() const { return expedited_; }
  [[nodiscard]] bool is_redirected() const { return !location_.empty(); }
  /// Whether the rest of the response is not worth receiving.
  [[nodiscard]] bool has_enough() const;
  [[nodiscard]] bool owes_drained() const { return owes_drained_; }
  /// What went wrong in the response; the connection gives the fetch up then.
  [[nodiscard]] const reactor::Error& error() const { return error_; }
  [[nodiscard]] std::uint64_t number() const { return number_; }

  // ---- Fetch calls these.
  void set_on_head(reactor::Callback<void(const FetchResponse&)> on_head) {
    if (!done_) replace(on_head_, std::move(on_head));
  }
  void set_on_data(reactor::Callback<void(Fetch::Bytes)> on_data) {
    if (!done_) replace(on_data_, std::move(on_data));
  }
  void set_on_drained(reactor::Callback<void()> on_drained) {
    if (!done_) replace(on_drained_, std::move(on_drained));
  }
  void pause(bool paused);
  [[nodiscard]] reactor::WriteStatus write(Fetch::Bytes piece);
  void end();
  void expedite();

 private:
  [[nodiscard]] reactor::Error check();
  [[nodiscard]] reactor::Error invalid(std::string hint) const;
  void deliver(protocols::Bytes piece);
  void decode(protocols::Bytes piece);
  void fail(std::error_code code, std::string hint = {});
  void give_up_connection() noexcept;
  void release() noexcept;
  void on_retired() noexcept override;

  reactor::Loop& loop_;
  const std::shared_ptr<const HttpClientOptions> options_;
  FetchPool* pool_ = nullptr;              // Null before start(), and once done.
  FetchConnection* connection_ = nullptr;  // Null while it waits for one.
  std::uint64_t number_ = 0;
  FetchRequest request_;
  Url url_;
  OnDone on_done_;
  reactor::Callback<void(const FetchResponse&)> on_head_;
  reactor::Callback<void(Fetch::Bytes)> on_data_;
  reactor::Callback<void()> on_drained_;
  FetchResponse response_;
  std::string location_;  // Of a redirect that is to be followed.
  std::unique_ptr<ContentDecoder> decoder_;
  std::string rest_;      // Of the body, still compressed, while the fetch is paused.
  bool stopped_ = false;  // There is more to decompress, if only in the decoder.
  std::uint64_t body_bytes_ = 0;
  std::string pending_;              // Of a streamed body, while there is no connection.
  std::uint64_t written_bytes_ = 0;  // Of a streamed body.
  reactor::Error error_;
  std::optional<reactor::Timer> total_;
  std::optional<reactor::Timer> later_;  // Reports error_.
  int redirects_ = 0;
  bool sending_ = false;     // The request, or what follows it.
  bool body_began_ = false;  // A part of a streamed body was sent.
  bool body_ended_ = false;
  bool owes_drained_ = false;
  bool paused_ = false;
  bool expedited_ = false;
  bool done_ = false;
};

}  // namespace web
