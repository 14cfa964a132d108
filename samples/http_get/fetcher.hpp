// Fetches several URLs at once, over connections that are used again.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocols/http/client_connection.hpp"
#include "reactor/deadline.hpp"
#include "reactor/resolver.hpp"
#include "reactor/stream.hpp"
#include "samples/http_get/url.hpp"

namespace http_get {

struct Options {
  std::size_t connections = 4;  ///< To each host, at once.
  int redirects = 10;
  std::chrono::milliseconds timeout = std::chrono::seconds(30);
};

/// One URL, and what has become of it.
struct Fetch {
  std::size_t number = 0;  ///< Its place among all.
  Url url;                 ///< Where a redirect has led.
  int redirects = 0;
  int retries = 0;  ///< On a new connection, after one that was used again turned out to be closed.
  int status = 0;
  std::uint64_t received = 0;
  std::string location;  ///< Of the present response, when it is a redirect.
  std::string error;     ///< Why it failed.
};

/// What becomes of the fetches.
class Listener {
 public:
  virtual ~Listener() = default;
  virtual void on_body(const Fetch& fetch, protocols::Bytes bytes) = 0;

  /// Called once for each; fetch.error tells whether it worked.
  virtual void on_done(const Fetch& fetch) = 0;
};

class Fetcher {
 public:
  Fetcher(reactor::Loop& loop, Options options, Listener& listener);
  ~Fetcher();

  void add(const Url& url);

 private:
  class Connection;
  class Origin;

  void start(Fetch& fetch);
  void finish(Fetch& fetch, std::string error = {});
  void on_response(Fetch& fetch);

  reactor::Loop& loop_;
  const Options options_;
  Listener& listener_;
  std::list<Fetch> fetches_;
  std::map<std::string, std::unique_ptr<Origin>> origins_;
  std::size_t open_ = 0;  // Fetches that are not done.
};

}  // namespace http_get
