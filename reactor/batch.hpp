// Work of one iteration of the loop. Internal.
#pragma once

#include <cstddef>
#include <vector>

namespace reactor::inline v0 {

/// Items to be processed in one iteration. Processing may be interrupted and continue in the next
/// one.
template <class T>
class Batch {
 public:
  [[nodiscard]] bool empty() const { return items_.empty(); }
  void refill(std::vector<T>& from) { items_.swap(from); }
  [[nodiscard]] T& front() { return items_[done_]; }
  void pop() {
    items_[done_++] = T();
    if (done_ < items_.size()) return;
    items_.clear();
    done_ = 0;
  }

 private:
  std::vector<T> items_;
  std::size_t done_ = 0;
};

}  // namespace reactor
