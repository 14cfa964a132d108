// Reports which descriptors are ready: the interface to the kernel. Internal.
//
// The build links one of two pollers as the kernel's. linux/epoll_poller.cpp keeps a private epoll
// set. Standalone, the thread blocks in it, and libuv's backend descriptor is one of its members;
// embedded, one uv_poll_t in the application's libuv loop watches it. portable/uv_poller.cpp uses
// only uv_poll_t and runs wherever libuv does. Another platform has its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "reactor/readiness.hpp"

struct uv_loop_s;

namespace reactor::inline v0::platform {

/// Identifies a registration: a slot of the engine in the low half, its generation in the high
/// half.
using Token = std::uint64_t;

/// What happened, as bits with the values of poll(2).
struct Happened {
  static constexpr unsigned readable = 0x001;
  static constexpr unsigned priority = 0x002;
  static constexpr unsigned writable = 0x004;
  static constexpr unsigned failed = 0x008;
  static constexpr unsigned hung_up = 0x010;
  static constexpr unsigned peer_closed = 0x2000;
};

#ifdef __x86_64__
struct [[gnu::packed]] Event {
#else
struct Event {
#endif
  unsigned happened;
  Token token;
};

class Poller {
 public:
  /// Tokens below this one belong to the poller.
  static constexpr std::size_t reserved_tokens = 3;

  /// Embedded: the application's loop calls `on_ready(context)` when wait() has events to return.
  /// Standalone: only the engine calls wait().
  struct Embedding {
    void (*on_ready)(void* context);
    void* context;
  };

  virtual ~Poller() = default;
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  /// False where streams have to be registered level-triggered, with what they wait for.
  [[nodiscard]] bool has_edge_trigger() const { return has_edge_trigger_; }

  /// Called before libuv's loop ends: gives libuv back what it has to close.
  virtual void close() {}

  /// Each returns 0 or -errno. A descriptor may be added under several tokens.
  virtual int add(int fd, Interest interest, Trigger trigger, Token token) = 0;
  virtual int change(int fd, Interest interest, Trigger trigger, Token token) = 0;
  virtual void remove(int fd, Token token) = 0;
  /// Replaces remove() for a descriptor that is not shared and that is closed next.
  virtual void forget(int fd, Token token) { remove(fd, token); }

  /// Waits until something is ready, at most `timeout` (milliseconds; negative: without limit).
  /// Returns early, without events, after wake(), at the time set by arm(), or when libuv has to
  /// run.
  ///
  /// Lifetime  The events are valid until the next wait().
  virtual std::span<const Event> wait(int timeout) = 0;

  /// Whether more may be ready than the events of the last wait(), which end at `end`.
  [[nodiscard]] virtual bool may_have_more(const Event* /*end*/) const { return false; }
  /// False if wait() only returns what the application's loop has found.
  [[nodiscard]] virtual bool looks_by_itself() const { return true; }

  /// For an event of wait() whose token belongs to no source. Returns true if it stands for an
  /// event of a source, and then replaces it by that event.
  virtual bool resolve(Event&) { return false; }

  /// Makes libuv call back for what it found ready, if anything; once after each wait().
  void run_native() {
    if (!native_ready_) [[likely]]
      return;
    native_ready_ = false;
    run_ready_native();
  }
  [[nodiscard]] bool native_ready() const { return native_ready_; }

  /// Ends the current or the next wait(). Any thread.
  virtual void wake() noexcept = 0;

  /// Ends a wait() once the platform's clock has reached `nanoseconds`; a later call replaces an
  /// earlier one.
  virtual void arm(std::int64_t nanoseconds) = 0;

  /// True while libuv itself has something to wait for, not counting `unreferenced` handles and
  /// requests of this library that must not keep a loop running.
  [[nodiscard]] virtual bool native_alive(unsigned /*unreferenced*/) const { return false; }

  /// For a program that waits instead of wait(): readable when wait() has something to report.
  /// After native_wait() milliseconds libuv has to run in any case; negative: never.
  [[nodiscard]] virtual int descriptor() const { return -1; }
  [[nodiscard]] virtual int native_wait() { return -1; }

  /// Embedded: sets whether the application's loop continues because of this one.
  virtual void keep_alive(bool /*alive*/) {}

  /// In a forked child: gives up all that is shared with the parent's poller. `consistent` is false
  /// if another thread may have been using the poller when the process was forked.
  virtual void detach_from_parent(bool /*consistent*/) noexcept {}

 protected:
  explicit Poller(bool has_edge_trigger) : has_edge_trigger_(has_edge_trigger) {}

  bool native_ready_ = false;

 private:
  virtual void run_ready_native() {}

  const bool has_edge_trigger_;
};

}  // namespace reactor::platform

namespace reactor::inline v0 {
using platform::Event;
using platform::Happened;
using platform::Poller;
using platform::Token;
}  // namespace reactor
