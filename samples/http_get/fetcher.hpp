// Fetches several URLs at the same time, and hands over their bodies one after the other.
#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <string_view>

#include "protocols/bytes.hpp"
#include "reactor/callback.hpp"
#include "reactor/loop.hpp"
#include "web/http_client.hpp"
#include "web/url.hpp"

namespace http_get {

struct Options {
  Options();

  web::HttpClientOptions client;
  /// How much of the bodies may be kept until those before them are handed over. A fetch whose next
  /// piece would exceed this is paused until there is room.
  std::size_t most_kept_bytes = std::size_t{32} << 20;
};

/// The progress of all fetches together.
struct Figures {
  std::size_t done = 0;
  std::size_t failed = 0;  ///< Included in `done`.
  std::uint64_t received = 0;
};

/// One URL, and the result of its fetch.
struct Fetch {
  std::size_t number = 0;  ///< Its index among all fetches.
  web::Url url;            ///< The last target of its redirects.
  int status = 0;
  std::uint64_t received = 0;
  std::string error;  ///< Why it failed.
};

/// Receives the bodies, in the order in which the URLs were added.
class Listener {
 public:
  virtual ~Listener() = default;

  /// Must not block: timeouts and other connections would wait for it.
  virtual void on_body(const Fetch& fetch, protocols::Bytes bytes) = 0;

  /// True while on_body() should not be called. Bodies are then kept, and fetches whose data would
  /// exceed Options::most_kept_bytes are paused.
  [[nodiscard]] virtual bool is_full() const = 0;

  /// Set by the Fetcher. Call it when is_full() has become false, but not from on_body().
  reactor::Callback<void()> on_room;

  /// Called once for each fetch, after its body. fetch.error is empty if it succeeded.
  virtual void on_done(const Fetch& fetch) = 0;
};

/// Several bodies arrive at the same time, but only that of the fetch whose turn it is can be
/// handed over. A little of the others is kept; then they are paused. A server may close a
/// connection that is paused for long: such a fetch is continued in its turn (RFC 9110 14.2), or
/// restarted if none of it has been handed over.
class Fetcher {
 public:
  Fetcher(reactor::Loop& loop, Options options, Listener& listener);
  ~Fetcher();
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;

  void add(const web::Url& url);

  [[nodiscard]] const Figures& figures() const { return figures_; }

 private:
  struct Job;

  void start(Job& job);
  void take_head(Job& job, const web::FetchResponse& response);
  void take_body(Job& job, protocols::Bytes bytes);
  void take_result(Job& job, const reactor::Result<web::FetchResponse>& result);
  void keep(Job& job, protocols::Bytes bytes);
  void pause(Job& job);
  void finish(Job& job, std::string error = {});
  void give_up(Job& job, const std::string& error);
  void hand_over(Job& job, protocols::Bytes bytes);
  void hand_over_kept(Job& job);
  void drop_kept(Job& job);
  void begin_again(Job& job);
  void advance();
  void release();

  [[nodiscard]] bool has_turn(const Job& job) const;

  reactor::Loop& loop_;
  const Options options_;
  Listener& listener_;
  web::HttpClient client_;
  Figures figures_;
  std::deque<Job> jobs_;
  std::size_t turn_ = 0;        // The number of the job whose body is handed over as it arrives.
  std::size_t kept_bytes_ = 0;  // Of all jobs.
  std::set<Job*> paused_;       // Because there is no room.
};

}  // namespace http_get
