// The kernel's side of the readiness engine: which descriptors are ready? Internal.
//
// Of two pollers the build links one as the kernel's. linux/epoll_poller.cpp keeps a private epoll
// set; standalone, the thread blocks in it, and libuv's backend descriptor is one of its members;
// embedded, one uv_poll_t inside the application's libuv loop watches it. portable/uv_poller.cpp
// stands on uv_poll_t alone and runs wherever libuv does. Another platform has its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "reactor/readiness.hpp"

struct uv_loop_s;

namespace reactor::platform {

/// Names a registration: a slot of the engine in the low half, its generation in the high half.
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
  /// Tokens below this one are the poller's own.
  static constexpr std::size_t reserved_tokens = 3;

  /// Embedded: the application's loop calls `on_ready(context)` when wait() has
  /// something to give. Standalone, the engine alone calls it.
  struct Embedding {
    void (*on_ready)(void* context);
    void* context;
  };

  virtual ~Poller() = default;
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  /// False where streams have to be registered level-triggered, and to say what they wait for.
  [[nodiscard]] bool has_edge_trigger() const { return has_edge_trigger_; }

  /// Before the end of libuv's loop: gives libuv back what it has to close.
  virtual void close() {}

  /// Each returns 0 or -errno. A descriptor may be added under several tokens.
  virtual int add(int fd, Interest interest, Trigger trigger, Token token) = 0;
  virtual int change(int fd, Interest interest, Trigger trigger, Token token) = 0;
  virtual void remove(int fd, Token token) = 0;
  /// Instead of remove(), for a descriptor that nobody shares and that is closed next.
  virtual void forget(int fd, Token token) { remove(fd, token); }

  /// Waits until something is ready, at most `timeout` (milliseconds; negative: without limit).
  /// Returns early, with nothing, after wake(), when arm()'s time came, or for libuv's sake.
  ///
  /// Lifetime  The events are valid until the next wait().
  virtual std::span<const Event> wait(int timeout) = 0;

  /// Whether more may be ready than the events that end at `end`, all of those of the last wait().
  [[nodiscard]] virtual bool may_have_more(const Event* /*end*/) const { return false; }
  /// False where wait() only hands out what the application's loop has found.
  [[nodiscard]] virtual bool looks_by_itself() const { return true; }

  /// For an event of wait() whose token no source has: true when it stands for one of a source's,
  /// which it then becomes.
  virtual bool resolve(Event&) { return false; }

  /// Lets libuv call back for what it found ready, if anything; once after each wait().
  void run_native() {
    if (!native_ready_) [[likely]]
      return;
    native_ready_ = false;
    run_ready_native();
  }
  [[nodiscard]] bool native_ready() const { return native_ready_; }

  /// Ends the present or the next wait(). Any thread.
  virtual void wake() noexcept = 0;

  /// Ends a wait() once the platform's clock has reached `nanoseconds`; a later call replaces an
  /// earlier one.
  virtual void arm(std::int64_t nanoseconds) = 0;

  /// True while libuv itself has something to wait for, besides `unreferenced` handles and requests
  /// of ours that must not keep a loop running.
  [[nodiscard]] virtual bool native_alive(unsigned /*unreferenced*/) const { return false; }

  /// For a program that waits in place of wait(): readable when wait() has something to report.
  /// After native_wait() milliseconds libuv has to run all the same; negative: never.
  [[nodiscard]] virtual int descriptor() const { return -1; }
  [[nodiscard]] virtual int native_wait() { return -1; }

  /// Embedded: whether the application's loop should go on for our sake.
  virtual void keep_alive(bool /*alive*/) {}

  /// In a forked child: gives up all that is shared with the parent's poller. `consistent` is false
  /// where another thread may have been using the poller when the process was forked.
  virtual void detach_from_parent(bool /*consistent*/) noexcept {}

 protected:
  explicit Poller(bool has_edge_trigger) : has_edge_trigger_(has_edge_trigger) {}

  bool native_ready_ = false;

 private:
  virtual void run_ready_native() {}

  const bool has_edge_trigger_;
};

}  // namespace reactor::platform

namespace reactor {
using platform::Event;
using platform::Happened;
using platform::Poller;
using platform::Token;
}  // namespace reactor
