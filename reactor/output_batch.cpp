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
  const std::byte* const end = gathered_.data() + gathered_.size();
  if (was_read(gathered_)) {
    if (bytes.data() == end) {  // They are adjacent, as they were read.
      gathered_ = {gathered_.data(), gathered_.size() + bytes.size()};
      return true;
    }
    if (gathered_.size() > gather_buffer_bytes) return false;
    std::memcpy(gather_buffer(), gathered_.data(), gathered_.size());
    gathered_ = {gather_buffer(), gathered_.size()};
  }
  if (bytes.size() > gather_buffer_bytes - gathered_.size()) return false;
  if (!bytes.empty()) std::memcpy(gather_buffer() + gathered_.size(), bytes.data(), bytes.size());
  gathered_ = {gather_buffer(), gathered_.size() + bytes.size()};
  return true;
}

bool OutputBatch::gather_itself(Source& source) {
  if (!open_) return false;
  if (source_ != &source) flush();
  source_ = &source;
  gathered_ = {};
  return true;
}

}  // namespace reactor
