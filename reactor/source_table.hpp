// The sources of a loop, by token, and those that are scheduled. Internal.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "reactor/batch.hpp"
#include "reactor/loop_handle.hpp"
#include "reactor/platform/poller.hpp"

namespace reactor::inline v0 {

class SourceTable {
 public:
  /// What all scheduled sources together may read, and send of files, in one iteration.
  static constexpr std::size_t most_shared_bytes = 1024 * 1024;

  void add(Source& source);
  void remove(const Source& source);
  [[nodiscard]] std::size_t size() const { return slots_.size(); }

  /// The source that still has this token, or null.
  [[nodiscard]] Source* find(Token token) const {
    const Slot& slot = slots_[static_cast<std::uint32_t>(token)];
    return slot.generation == token >> 32 ? slot.source : nullptr;
  }

  /// Makes on_iteration() be called in this iteration or the next. False if already scheduled.
  bool schedule(Source& source);
  [[nodiscard]] bool any_scheduled() const { return !scheduled_.empty() || !now_.empty(); }
  /// The share of each source that is scheduled.
  [[nodiscard]] std::size_t share_bytes() const {
    const std::size_t sources = std::max<std::size_t>({scheduled_before_, scheduled_.size(), 1});
    return most_shared_bytes / sources;
  }

  /// What is left of the last batch, or else all that were scheduled.
  [[nodiscard]] Batch<Token>& batch();
  /// Takes the first of the batch; returns null when that source no longer exists.
  [[nodiscard]] Source* pop_scheduled();

 private:
  struct Slot {
    Source* source = nullptr;
    std::uint32_t generation = 1;
  };

  // The first tokens belong to the poller; no source has their slots.
  std::vector<Slot> slots_ = std::vector<Slot>(Poller::reserved_tokens);
  std::vector<std::uint32_t> free_slots_;
  std::vector<Token> scheduled_;
  Batch<Token> now_;
  std::size_t scheduled_before_ = 0;  // How many, at the last refill.
};

}  // namespace reactor
