// Fetches several URLs at once, over connections that are used again, and hands their bodies over
// one after the other.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/bytes.hpp"
#include "reactor/address.hpp"
#include "reactor/callback.hpp"
#include "reactor/loop.hpp"
#include "samples/http_get/url.hpp"

namespace http_get {

struct Options {
  std::size_t connections = 4;  ///< To each host, at once.
  int redirects = 10;
  std::chrono::milliseconds timeout = std::chrono::seconds(30);  ///< For the server to send more.
  std::chrono::milliseconds connect_timeout = std::chrono::seconds(10);  ///< For each address.
  /// What of the bodies may be kept until those before them are handed over. A connection whose
  /// next piece would have to be kept beyond this is not read until there is room.
  std::size_t most_kept_bytes = std::size_t{32} << 20;
  /// Of hosts that are not looked up.
  std::map<std::string, std::vector<reactor::Address>> addresses = {};
};

/// How far all fetches together have come.
struct Figures {
  std::size_t done = 0;
  std::size_t failed = 0;  ///< Of those that are done.
  std::uint64_t received = 0;
};

/// One URL, and what has become of it.
struct Fetch {
  std::size_t number = 0;  ///< Its place among all.
  Url url;                 ///< Where a redirect has led.
  int status = 0;
  std::uint64_t received = 0;
  std::string error;  ///< Why it failed.
};

/// Takes the bodies, in the order in which the URLs were added.
class Listener {
 public:
  virtual ~Listener() = default;

  /// Does not block: timeouts and other connections would wait for it.
  virtual void on_body(const Fetch& fetch, protocols::Bytes bytes) = 0;

  /// True while on_body() should not be called. The bodies are kept meanwhile, and connections are
  /// paused beyond Options::most_kept_bytes.
  [[nodiscard]] virtual bool is_full() const = 0;

  /// Set by the Fetcher: to be called when is_full() has become false, and not from on_body().
  reactor::Callback<void()> on_room;

  /// Called once for each, after its body; fetch.error tells whether it worked.
  virtual void on_done(const Fetch& fetch) = 0;
};

/// Several bodies arrive at once, but only that of the fetch whose turn it is can be handed over.
/// A little of the others is kept; then their connections are paused. A server may lose patience
/// with a connection that is paused: such a fetch is continued in its turn (RFC 9110 14.2), or
/// begun again while none of it has been handed over.
class Fetcher {
 public:
  Fetcher(reactor::Loop& loop, Options options, Listener& listener);
  ~Fetcher();
  Fetcher(const Fetcher&) = delete;
  Fetcher& operator=(const Fetcher&) = delete;

  void add(const Url& url);

  [[nodiscard]] const Figures& figures() const { return figures_; }

 private:
  class Connection;
  class Origin;
  struct Job;

  Origin& origin_of(const Job& job);
  void start(Job& job);
  void take_body(Job& job, protocols::Bytes bytes);
  void keep(Job& job, protocols::Bytes bytes);
  void on_response(Job& job);
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
  Figures figures_;
  std::deque<Job> jobs_;
  std::map<std::string, std::unique_ptr<Origin>> origins_;
  std::size_t turn_ = 0;          // The number of the job whose body is handed over as it comes.
  std::size_t kept_bytes_ = 0;    // Of all jobs.
  std::set<Connection*> paused_;  // For want of room.
};

}  // namespace http_get
