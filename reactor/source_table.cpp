#include "reactor/source_table.hpp"

namespace reactor::inline v0 {

void SourceTable::add(Source& source) {
  if (free_slots_.empty()) {
    slots_.emplace_back();
    free_slots_.reserve(slots_.capacity());  // So that remove() needs no memory.
    free_slots_.push_back(static_cast<std::uint32_t>(slots_.size() - 1));
  }
  const std::uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  slots_[slot].source = &source;
  source.token_ = Token{slots_[slot].generation} << 32 | slot;
}

void SourceTable::remove(const Source& source) {
  const auto number = static_cast<std::uint32_t>(source.token_);
  Slot& slot = slots_[number];
  slot.source = nullptr;
  // 31 bits, and never 0: the other tokens belong to the poller.
  slot.generation = slot.generation % 0x7fff'ffff + 1;
  free_slots_.push_back(number);
}

bool SourceTable::schedule(Source& source) {
  if (source.scheduled_) return false;
  scheduled_.push_back(source.token_);
  source.scheduled_ = true;
  return true;
}

Batch<Token>& SourceTable::batch() {
  if (now_.empty()) {
    scheduled_before_ = scheduled_.size();
    now_.refill(scheduled_);
  }
  return now_;
}

Source* SourceTable::pop_scheduled() {
  Source* const source = find(now_.front());
  now_.pop();
  if (source) source->scheduled_ = false;
  return source;
}

}  // namespace reactor
