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
  if (is_in_place(bytes)) {
    gathered_ = {gathered_.data(), gathered_.size() + bytes.size()};
    return true;
  }
  if (!has_room(bytes.size())) return false;
  // What was reserved may overlap, if something else was gathered after that.
  if (!bytes.empty()) {
    std::memmove(gather_buffer() + gathered_.size(), bytes.data(), bytes.size());
  }
  gathered_ = {gather_buffer(), gathered_.size() + bytes.size()};
  return true;
}

// Behind what is gathered, which is moved there if it was read.
bool OutputBatch::has_room(std::size_t size) {
  if (was_read(gathered_)) {
    if (gathered_.size() > gather_buffer_bytes) return false;
    std::memcpy(gather_buffer(), gathered_.data(), gathered_.size());
    gathered_ = {gather_buffer(), gathered_.size()};
  }
  return size <= gather_buffer_bytes - gathered_.size();
}

std::span<std::byte> OutputBatch::reserve_otherwise(Source& source, std::size_t size) {
  if (open_ && source_ != &source) {
    flush();
    if (size <= gather_buffer_bytes) return {gather_buffer(), size};
  }
  if (open_ && source_ == &source && has_room(size)) {
    return {gather_buffer() + gathered_.size(), size};
  }
  spare_ = std::make_unique_for_overwrite<std::byte[]>(size);
  return {spare_.get(), size};
}

}  // namespace reactor
