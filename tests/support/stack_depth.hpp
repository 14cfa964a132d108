// How far the stack grows, for what must not recurse.
#pragma once

#include <algorithm>
#include <cstdint>

class StackDepth {
 public:
  /// Notes where the frame of the caller is. Not the address of a local variable, which a sanitizer
  /// may keep elsewhere.
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
