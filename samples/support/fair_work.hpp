// Runs work of many clients on the thread pool, with a fair share for each.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>

#include "reactor/callback.hpp"
#include "reactor/loop.hpp"
#include "reactor/stream.hpp"
#include "reactor/work.hpp"

namespace samples {

/// Runs functions on the thread pool, a few at a time, and in turn for each client. However many
/// functions one client has waiting, another client waits for at most one function of each client.
/// Long work should be divided into pieces, each a function of its own.
///
///     job_ = client.run([folder](std::stop_token stop) { return read_some(*folder, stop); },
///                       [this](const Names& names) { send(names); });
///
/// The functions of a peer that has ended its side (Stream::peer_has_ended) wait behind all others:
/// such a peer has usually gone, but may also still read.
///
/// Lifetime  After a Job is destroyed, its callback is not called. A function that has not begun by
///           then never begins. A running one is requested to stop, and its client's turn is over
///           when it returns. A FairWork outlives the loop's other handles, not the loop.
/// Thread    The loop's thread, except for the functions.
class FairWork {
 public:
  struct Limits {
    std::size_t at_once = 3;  ///< Running functions of all clients.
    std::size_t of_each = 2;  ///< Running functions of one client.
  };

  FairWork(reactor::Loop& loop, Limits limits);
  explicit FairWork(reactor::Loop& loop) : FairWork(loop, Limits()) {}
  ~FairWork();
  FairWork(const FairWork&) = delete;
  FairWork& operator=(const FairWork&) = delete;

  class Client;
  class Job;

 private:
  struct Task;
  struct Queue {
    std::list<Task> waiting;
    std::list<Task> postponed;  // Of peers that have ended their side.
    std::size_t running = 0;
  };
  using Function = reactor::Callback<void(const std::stop_token&)>;
  using Queues = std::map<std::string, Queue, std::less<>>;

  [[nodiscard]] Job add(const Client& client, Function function, reactor::Callback<void()> on_done);
  void withdraw(Task& task);
  void start();
  [[nodiscard]] bool begin_next();
  [[nodiscard]] bool begin_from(Queues::iterator queue, std::list<Task> Queue::*tasks);
  void begin(std::list<Task>& from);
  void finished(std::list<Task>::iterator place);
  void forget_if_unused(Queues::iterator queue);

  reactor::Loop& loop_;
  const Limits limits_;
  Queues queues_;
  std::string last_;  // The client whose turn was last.
  std::list<Task> running_;
};

/// One function, waiting or running.
class FairWork::Job {
 public:
  Job() = default;
  Job(Job&& other) noexcept;
  Job& operator=(Job&& other) noexcept;
  ~Job();

 private:
  friend class FairWork;
  explicit Job(Task& task);

  Task* task_ = nullptr;  // Null when it is done.
};

/// The client for which functions run.
class FairWork::Client {
 public:
  /// Clients of the same `name` share their turns. `stream` is the connection of the peer that
  /// waits for the result, if there is one, and must outlive the jobs.
  Client(FairWork& work, std::string name, const reactor::Stream* stream = nullptr)
      : work_(&work), name_(std::move(name)), stream_(stream) {}

  /// Calls `on_done` on the loop with the result of `function`. A function that takes a
  /// std::stop_token can stop early when that requests it.
  template <class F, class OnDone>
  [[nodiscard]] Job run(F function, OnDone on_done) const {
    constexpr bool stops = std::is_invocable_v<F&, std::stop_token>;
    const auto call = [](F& f, const std::stop_token& stop) {
      if constexpr (stops) {
        return f(stop);
      } else {
        return f();
      }
    };
    using Returned = decltype(call(function, std::stop_token()));
    // Shared, since either side may outlive the other.
    auto returned = std::make_shared<std::optional<Returned>>();
    return work_->add(
        *this,
        [returned, call, function = std::move(function)](const std::stop_token& stop) mutable {
          returned->emplace(call(function, stop));
        },
        [returned, on_done = std::move(on_done)]() mutable { on_done(std::move(**returned)); });
  }

 private:
  friend class FairWork;

  FairWork* work_;
  std::string name_;
  const reactor::Stream* stream_;
};

}  // namespace samples
