// The kernel's side of the readiness engine: which descriptors are ready? Internal.
//
// Two definitions, of which the build links one. epoll_poller.cpp keeps a private epoll set; in the
// host position the thread blocks in it, and libuv's backend descriptor is one of its members; in
// the guest position one uv_poll_t inside the application's libuv loop watches it. uv_poller.cpp
// stands on uv_poll_t alone and runs wherever libuv does.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "reactor/readiness.hpp"

struct uv_loop_s;

namespace reactor {

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
  /// False where streams have to be registered level-triggered, and to say what they wait for.
#ifdef UVREACTOR_UV_POLLER
  static constexpr bool has_edge_trigger = false;
#else
  static constexpr bool has_edge_trigger = true;
#endif

  /// Tokens below this one are the poller's own.
  static constexpr std::size_t reserved_tokens = 3;

  /// Works on `loop`. A host runs it from wait(); a guest is run by it, and calls
  /// `on_ready(context)` when wait() has something to give.
  struct Guest {
    void (*on_ready)(void* context);
    void* context;
  };
  Poller(uv_loop_s& loop, const Guest* guest);
  /// Before the end of `loop`: gives libuv back what it has to close.
  void close();
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  /// Each returns 0 or -errno. A descriptor may be added under several tokens.
  int add(int fd, Interest interest, Trigger trigger, Token token);
  int change(int fd, Interest interest, Trigger trigger, Token token);
  void remove(int fd, Token token);
  /// Instead of remove(), for a descriptor that nobody shares and that is closed next.
  void forget(int fd, Token token);

  /// Waits until something is ready, at most `timeout` (milliseconds; negative: without limit).
  /// Returns early, with nothing, after wake(), when arm()'s time came, or for libuv's sake.
  ///
  /// Lifetime  The events are valid until the next wait().
  std::span<const Event> wait(int timeout);

  /// Whether more may be ready than the events that end at `end`, all of those of the last wait().
  [[nodiscard]] bool may_have_more(const Event* end) const;
  /// False where wait() only hands out what the application's loop has found.
  [[nodiscard]] bool looks_by_itself() const;

  /// For an event of wait() whose token no source has: true when it stands for one of a source's,
  /// which it then becomes.
  bool resolve(Event& event);

  /// Lets libuv call back for what it found ready, if anything; once after each wait().
  void run_native();
  [[nodiscard]] bool native_ready() const;

  /// Ends the present or the next wait(). Any thread.
  void wake() noexcept;

  /// Ends a wait() once the steady clock has reached `nanoseconds`; a later call replaces an
  /// earlier one.
  void arm(std::int64_t nanoseconds);

  /// True while libuv itself has something to wait for, besides `passive` handles and requests of
  /// ours that must not keep a loop running.
  [[nodiscard]] bool native_alive(unsigned passive) const;

  /// Guest: whether the application's loop should go on for our sake.
  void keep_alive(bool alive);

  /// In a forked child: gives up all that is shared with the parent's poller. `consistent` is false
  /// where another thread may have been using the poller when the process was forked.
  void detach_from_parent(bool consistent) noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace reactor
