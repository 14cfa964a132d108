// A connection to the first of several addresses that answers.
#pragma once

#include <chrono>
#include <list>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/callback.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"
#include "reactor/stream.hpp"
#include "reactor/timer.hpp"

namespace http_get {

/// Connects to one of the addresses of a host, in their order (RFC 8305): the next one is tried as
/// soon as the one before it has failed, or has been silent for a quarter of a second, while it is
/// still waited for. The first that accepts wins; the other attempts end.
///
/// Lifetime  Destroying the Dialer ends all attempts; on_done does not come after it.
class Dialer {
 public:
  static constexpr std::chrono::milliseconds silence{250};

  /// Calls `on_done` once, never before the constructor has returned: with the connection and the
  /// address that accepted it, or with the error of the attempt that failed last. `on_done` may
  /// destroy the Dialer. Each attempt may take `timeout`.
  using OnDone = reactor::Callback<void(reactor::Result<reactor::Stream>, const reactor::Address&)>;

  Dialer(reactor::Loop& loop, std::vector<reactor::Address> addresses,
         std::chrono::milliseconds timeout, OnDone on_done);
  Dialer(const Dialer&) = delete;
  Dialer& operator=(const Dialer&) = delete;

 private:
  struct Attempt {
    reactor::Stream stream;
    reactor::Address to;
  };

  void try_next();
  void connected(std::list<Attempt>::iterator attempt);
  void failed(std::list<Attempt>::iterator attempt, const reactor::Error& error);
  void finish(reactor::Result<reactor::Stream> result, const reactor::Address& to);

  reactor::Loop& loop_;
  const std::vector<reactor::Address> addresses_;
  const std::chrono::milliseconds timeout_;
  OnDone on_done_;
  std::size_t tried_ = 0;
  std::list<Attempt> attempts_;  // That are neither connected nor failed.
  reactor::Error error_;         // Of the last attempt that failed.
  reactor::Timer timer_;         // Until the next attempt.
};

}  // namespace http_get
