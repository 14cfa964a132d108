// Objects that own their state, and that any of their own callbacks may destroy.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "reactor/callback.hpp"

namespace reactor::inline v0 {
class Calls;
class Use;

#pragma GCC visibility push(default)

/// Base of the state of a Handle. Every handle of this library has such a state, and yours may too:
/// a composite handle owns other handles and calls its user back from their callbacks.
///
///     // Counts down, one number a second, and then stops.
///     class Countdown {
///      public:
///       Countdown(Loop& loop, int from, Callback<void(int)> on_tick)
///           : state_(new State(loop, from, std::move(on_tick))) {}
///
///      private:
///       struct State final : HandleState {
///         State(Loop& loop, int from, Callback<void(int)> callback)
///             : left(from), on_tick(std::move(callback)) {
///           timer = Timer::every(loop, 1s, [this] { tick(); });
///         }
///         void tick() {
///           const Use use(*this);  // The state is not freed before the end of this scope.
///           on_tick(--left);       // May throw, and may move or destroy the Countdown.
///           if (!retired() && left == 0) timer.reset();
///         }
///         void on_retired() noexcept override { timer.reset(); }
///
///         int left;
///         Callback<void(int)> on_tick;
///         std::optional<Timer> timer;
///       };
///
///       Handle<State> state_;
///     };
///
/// Thread    The loop's thread only.
class HandleState {
 public:
  HandleState(const HandleState&) = delete;
  HandleState& operator=(const HandleState&) = delete;

  /// The Handle is destroyed: no callback of the user may be called any more.
  [[nodiscard]] bool retired() const { return (pending_ & is_retired) != 0; }

  /// True while a Use exists: functions of the state are running.
  [[nodiscard]] bool in_use() const { return uses_ > 0; }

  /// Replaces `current`, which may be running, by `next`. While the state is in use, the old
  /// callback is kept; after that it is destroyed.
  template <class Signature>
  void replace(Callback<Signature>& current, Callback<Signature> next) {
    if (in_use() && current) keep_while_in_use([old = std::move(current)] {});
    current = std::move(next);
  }

 protected:
  HandleState() = default;
  virtual ~HandleState() = default;

 private:
  friend class Calls;
  friend class Use;
  template <class State>
  friend class Handle;

  using Old = Callback<void(), 32>;
  struct Replaced {
    Old callback;
    std::unique_ptr<Replaced> next;
  };
  enum Pending : std::uint8_t { is_retired = 1, has_replaced = 2 };

  /// Ends everything that could lead to another callback. Called once, when the Handle is
  /// destroyed. The state is freed next, or when it is no longer in use.
  virtual void on_retired() noexcept = 0;

  void retire() noexcept;
  void keep_while_in_use(Old old);
  /// Returns false when the state is retired: it may be freed already.
  bool end_use() noexcept {
    if (pending_ != 0) [[unlikely]]
      return end_last_use();
    --uses_;
    return true;
  }
  bool end_last_use() noexcept;

  std::unique_ptr<Replaced> replaced_;
  std::uint32_t uses_ = 0;
  std::uint8_t pending_ = 0;
};

/// Prevents a state from being freed while functions of its own are running.
class Use {
 public:
  explicit Use(HandleState& state) : state_(state) { ++state_.uses_; }
  ~Use() { state_.end_use(); }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  HandleState& state_;
};

/// Owns a State, which is a HandleState, and may be incomplete where the Handle is a member.
/// Destroying it ends all callbacks immediately; a State that is in use is freed when it no longer
/// is.
template <class State>
class Handle {
 public:
  Handle(State* state) : state_(state) {}
  Handle(Handle&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    HandleState* const old = std::exchange(state_, std::exchange(other.state_, nullptr));
    if (old) old->retire();
    return *this;
  }
  ~Handle() {
    if (state_) state_->retire();
  }

  [[nodiscard]] State* get() const { return static_cast<State*>(state_); }
  [[nodiscard]] State* operator->() const { return get(); }
  [[nodiscard]] State& operator*() const { return *get(); }

 private:
  HandleState* state_;
};

}  // namespace reactor
#pragma GCC visibility pop
