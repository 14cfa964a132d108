// How far the stack grows, for code that must not recurse.
#pragma once

#include <algorithm>
#include <cstdint>

class StackDepth {
 public:
  /// Records the position of the caller's frame. The address of a local variable is no substitute:
  /// a sanitizer may keep the variable elsewhere.
  [[gnu::always_inline]] void note() {
    const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    lowest_ = std::min(lowest_, here);
    highest_ = std::max(highest_, here);
  }

  [[nodiscard]] std::uintptr_t bytes() const { return highest_ - lowest_; }

 private:
  std::uintptr_t lowest_ = UINTPTR_MAX;
  std::uintptr_t highest_ = 0;
};
