#include "reactor/output_batch.hpp"

#include <cstring>

namespace reactor::inline v0 {

bool OutputBatch::gather(Source& source, std::span<const std::byte> bytes) {
  if (!open_) return false;
  if (source_ != &source) {
    flush();
    source_ = &source;
    gathered_ = {gather_buffer(), 0};
  }
  if (gather_in_place(source, bytes)) return true;
  std::byte* const room = find_room(source, bytes.size());
  if (!room) return false;
  // What was reserved may overlap, if something else was gathered after that.
  if (!bytes.empty()) std::memmove(room, bytes.data(), bytes.size());
  gathered_ = {gathered_.data(), gathered_.size() + bytes.size()};
  return true;
}

bool OutputBatch::gather_itself(Source& source) {
  if (!open_) return false;
  if (source_ != &source) flush();
  source_ = &source;
  gathered_ = {};
  return true;
}

// Behind what is gathered for the source; null if there is not enough.
std::byte* OutputBatch::find_room(Source& source, std::size_t size) {
  if (!open_ || size > gather_buffer_bytes) return nullptr;
  if (source_ != &source) {
    flush();
    return gather_buffer();
  }
  if (was_read(gathered_)) {
    if (gathered_.size() > gather_buffer_bytes - size) return nullptr;
    std::memcpy(gather_buffer(), gathered_.data(), gathered_.size());
    gathered_ = {gather_buffer(), gathered_.size()};
  }
  std::byte* const end = gather_buffer() + gathered_.size();
  return size <= gather_buffer_bytes - gathered_.size() ? end : nullptr;
}

std::span<std::byte> OutputBatch::reserve_otherwise(Source& source, std::size_t size) {
  if (std::byte* const room = find_room(source, size)) return {room, size};
  spare_ = std::make_unique_for_overwrite<std::byte[]>(size);
  return {spare_.get(), size};
}

}  // namespace reactor
