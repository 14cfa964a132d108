// The states of the public handles of a loop. Internal; defined in engine.cpp, where they register.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "reactor/handle.hpp"
#include "reactor/platform/poller.hpp"
#include "reactor/timer_wheel.hpp"

namespace reactor::inline v0 {

class Engine;

/// The kind of a handle, for texts that name it.
enum class Kind : unsigned char {
  watcher,
  wait_any,
  timer,
  idle_timeout,
  signal,
  lookup,
  work,
  listener,
  stream,
  datagram,
  process,
};
inline constexpr std::size_t kinds = 11;

/// The state of a handle that belongs to a loop. It decides itself whether it keeps the loop
/// running.
class LoopHandle : public HandleState {
 public:
  [[nodiscard]] Engine& engine() const { return engine_; }

  /// What it is, for a handle without a name: "stream of 127.0.0.1:40112".
  [[nodiscard]] virtual std::string describe() const;

  /// A text for watch_slow_callbacks() and Metrics.
  [[nodiscard]] std::string name() const;
  void set_name(std::string name);

  /// Whether run() continues because of this handle; false at first.
  void keep_loop_running(bool keep);

 protected:
  LoopHandle(Engine& engine, Kind kind);
  ~LoopHandle() override;

 private:
  /// Ends everything that could lead to another callback; called once.
  virtual void unregister() noexcept = 0;
  void on_retired() noexcept final;

  const Kind kind_;
  bool keeps_loop_running_ = false;
  bool named_ = false;  // The engine has the name.
  Engine& engine_;
};

/// A LoopHandle that the engine can find by token: it has a descriptor, or takes part in
/// iterations.
class Source : public LoopHandle {
 public:
  [[nodiscard]] Token token() const { return token_; }

  virtual void on_ready(unsigned happened) = 0;

  /// Called in this iteration or the next, once for any number of schedule().
  virtual void on_iteration() {}

  /// Sends what gather() collected. The span is empty if the source called gather_itself().
  virtual void on_gathered(std::span<const std::byte>) {}

 protected:
  Source(Engine& engine, Kind kind);
  ~Source() override;

  /// The iteration in which bytes were last received or sent. Before the first it is minus the time
  /// at which the source was made.
  std::int64_t moved_at_ = 0;

 private:
  friend class SourceTable;
  Token token_;
  bool scheduled_ = false;
};

/// A handle that expires. Its resolution is the tick of the wheel: 65.5 microseconds.
class TimerHandle : public LoopHandle, protected TimerWheel::Node {
 public:
  using Nanoseconds = std::int64_t;

  virtual void on_expired() = 0;

  /// Calls on_expired() once the steady clock has reached `when`, never earlier.
  void expire_at(Nanoseconds when);
  void cancel();
  [[nodiscard]] bool armed() const { return linked(); }

 protected:
  using LoopHandle::LoopHandle;
  /// Whether on_expired() will be called as early as expire_at(when) would call it.
  [[nodiscard]] bool expires_by(Nanoseconds when) const;

 private:
  friend class Iteration;
};

}  // namespace reactor
