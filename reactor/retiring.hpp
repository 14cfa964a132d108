// Objects that may be destroyed by the user's code which they are calling.
#pragma once

namespace reactor {

/// Base of what stands behind such an object, which owns it by a std::unique_ptr with Retire.
/// A State has end(), which lets go at once of all that could still call the user back.
///
///     struct State : Retiring { void end(); … };
///     const Use use(*state);          // from here on it is not freed
///     state->on_event();              // may destroy the object
///     if (state->retired()) return;
///
/// Thread    The loop's thread only.
class Retiring {
 public:
  /// Its owner is destroyed: nothing may reach the user any more.
  [[nodiscard]] bool retired() const { return retired_; }

  /// Functions of its own are running, as far as a Use says.
  [[nodiscard]] bool in_use() const { return uses_ > 0; }

 private:
  template <class State>
  friend class Use;
  template <class State>
  friend struct Retire;

  bool retired_ = false;
  int uses_ = 0;
};

/// Keeps a State from being freed while functions of its own are still running.
template <class State>
class Use {
 public:
  explicit Use(State& state) : state_(state) { ++counted().uses_; }
  ~Use() {
    if (--counted().uses_ == 0 && counted().retired_) delete &state_;
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  [[nodiscard]] Retiring& counted() const { return state_; }

  State& state_;
};

/// Deletes a State, or ends it, and leaves the rest to the last Use of it.
template <class State>
struct Retire {
  void operator()(State* state) const noexcept {
    Retiring& counted = *state;
    if (counted.uses_ == 0) return delete state;
    counted.retired_ = true;
    state->end();
  }
};

}  // namespace reactor
