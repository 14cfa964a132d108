// Limits the time that a server spends on its clients in one iteration of its loop.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <utility>

#include "reactor/callback.hpp"
#include "reactor/loop.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// Divides the time of a loop among clients that make many requests at the same time. Each client
/// is served a part of its requests, and continues in a later iteration. A long operation, such as
/// one request, is not interrupted.
///
///     share_(fair_share, [this] { serve(); })
///     void serve() { while (share_.may_go_on() && serve_one_request()) {} }
///
/// Lifetime  A FairShare outlives its Clients. A `go_on` may destroy them all, and the FairShare.
/// Thread    The loop's thread only.
class FairShare {
 public:
  using Clock = Loop::Clock;

  explicit FairShare(reactor::Loop& loop, Clock::duration each_iteration = default_time)
      : loop_(loop), each_iteration_(each_iteration) {}
  ~FairShare();
  FairShare(const FairShare&) = delete;
  FairShare& operator=(const FairShare&) = delete;

  static constexpr std::chrono::milliseconds default_time{2};

  /// One of those that share the time.
  class Client {
   public:
    /// `go_on` serves the client until may_go_on() is false or nothing is left to do. It does so
    /// before it returns, or later in the same iteration.
    Client(FairShare& share, reactor::Callback<void()> go_on)
        : share_(share), go_on_(std::move(go_on)) {}
    ~Client() { stop_waiting(); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    /// Call it before each request. False: not now; `go_on` is called in a later iteration, once
    /// for any number of such results.
    ///
    /// Cost      A read of the clock.
    [[nodiscard]] bool may_go_on();

    /// `go_on` is called in a later iteration.
    void wait();
    [[nodiscard]] bool waits() const { return waits_; }

   private:
    friend class FairShare;
    void stop_waiting();

    FairShare& share_;
    reactor::Callback<void()> go_on_;
    std::list<Client*>::iterator place_;
    bool waits_ = false;
    reactor::Loop::Clock::time_point called_in_;  // The iteration of its last call.
    Clock::time_point end_;                       // Of its part of that iteration.
    bool begun_ = false;
  };

 private:
  [[nodiscard]] static Clock::time_point clock();
  void note_iteration();
  void serve();
  void serve_soon();

  reactor::Loop& loop_;
  const Clock::duration each_iteration_;
  std::list<Client*> waiting_;  // The longest-waiting first.
  reactor::Loop::Clock::time_point iteration_;
  Clock::time_point end_;    // Of the time of this iteration.
  Clock::duration part_{0};  // Of that time, for each client that waited.
  bool posted_ = false;
  // Null once this is destroyed: a client may do that, and a posted task may still wait.
  std::shared_ptr<FairShare*> self_ = std::make_shared<FairShare*>(this);
};

}  // namespace reactor
#pragma GCC visibility pop
