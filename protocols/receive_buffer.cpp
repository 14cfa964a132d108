#include "protocols/receive_buffer.hpp"

#include <algorithm>

namespace protocols::inline v0 {
namespace {

// Enough for the tail of a usual message; more memory than this is not kept while idle.
constexpr std::size_t idle_bytes = 4096;
constexpr std::size_t smallest_copy = 64;

// Assigning `{}` would keep the memory: it means an empty list of elements.
void release(std::vector<std::byte>& bytes) { bytes = std::vector<std::byte>(); }

}  // namespace

void ReceiveBuffer::feed(Bytes chunk) {
  copy_tail();
  set_chunk(chunk);
  fed_ += chunk.size();
}

bool ReceiveBuffer::extend(std::size_t needed) {
  if (!keeping() || chunk_ == chunk_end_) {
    copy_tail();
    return false;
  }
  const std::size_t have = kept_.size() - begin_;
  const std::size_t missing = needed - have;
  // Doubling finds an unknown end in few steps; the excess is given back.
  const std::size_t size = missing > 1 ? missing : std::max(have, smallest_copy);
  const std::size_t copied = std::min(size, chunk_rest().size());
  keep(copied);
  borrowed_ += copied;
  if (copied >= missing) return true;
  copy_tail();
  return false;
}

void ReceiveBuffer::consume_kept(std::size_t size) {
  begin_ += size;
  const std::size_t left = kept_.size() - begin_;
  if (left > borrowed_) return;
  chunk_ -= left;
  kept_.resize(begin_);
  borrowed_ = 0;
}

void ReceiveBuffer::copy_tail() {
  const bool can_release = !keeping() && kept_.capacity() > 0;
  if (chunk_ != chunk_end_ || can_release) keep(chunk_rest().size());
  set_chunk({});
  borrowed_ = 0;
}

void ReceiveBuffer::clear() {
  fed_ = consumed();
  set_chunk({});
  release(kept_);
  begin_ = 0;
  borrowed_ = 0;
}

void ReceiveBuffer::keep(std::size_t size) {
  // The next frame may be as long as the last one. Without a beginning of it the stream is idle.
  const std::size_t expected = size > 0 ? std::max(size, begin_) : 0;
  // A move of no more bytes than were consumed since the last one keeps the cost of all moves
  // linear.
  if (begin_ >= kept_.size() - begin_) {
    kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }
  if (kept_.empty() && kept_.capacity() > std::max(idle_bytes, 4 * expected)) release(kept_);
  kept_.insert(kept_.end(), chunk_, chunk_ + size);
  chunk_ += size;
}

}  // namespace protocols
