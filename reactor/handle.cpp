#include "reactor/handle.hpp"

namespace reactor::inline v0 {

// In use meanwhile: on_retired() may destroy what calls functions of this state.
void HandleState::retire() noexcept {
  ++uses_;
  pending_ |= is_retired;
  on_retired();
  end_last_use();
}

void HandleState::keep_while_in_use(Old old) {
  replaced_ = std::unique_ptr<Replaced>(new Replaced{std::move(old), std::move(replaced_)});
  pending_ |= has_replaced;
}

// Destroying a callback may run the user's code too: the destructor of a capture.
bool HandleState::end_last_use() noexcept {
  while (uses_ == 1 && replaced_) {
    pending_ &= static_cast<std::uint8_t>(~has_replaced);
    std::exchange(replaced_, nullptr).reset();
  }
  const bool goes_on = !retired();
  if (--uses_ == 0 && !goes_on) delete this;
  return goes_on;
}

}  // namespace reactor
