// The buffering below every decoder. It borrows frames that are complete in a chunk, and copies
// only the unfinished tail.
//
//     borrowed only    |frame|frame|fra|        window = the chunk: frames are views of it
//     chunk used up                |fra|        the tail is copied
//     next chunk       |fra + me|               bytes are borrowed from the chunk until the frame
//                           |me|frame|frame|    is whole; then window = the rest of the chunk again
#pragma once

#include <cstdint>
#include <vector>

#include "protocols/bytes.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0 {

/// A byte stream that arrives in chunks, seen through a window of contiguous bytes.
///
/// Lifetime  Borrows the chunk that was last fed until it is consumed, or extend() returned false,
///           or copy_tail() was called. Views of the window are valid until the next call that is
///           not const, except consume().
/// Cost      Each byte is copied at most a constant number of times, however the stream is split.
class ReceiveBuffer {
 public:
  /// Takes the next bytes of the stream.
  void feed(Bytes chunk);

  /// The front of the stream: all that is available without copying.
  [[nodiscard]] Bytes window() const {
    return keeping() ? Bytes(kept_).subspan(begin_) : chunk_rest();
  }

  /// Makes the window longer, to `needed` bytes if possible; one more than it has means that the
  /// number is unknown. Returns false when all that was fed is in the window and nothing is
  /// borrowed.
  bool extend(std::size_t needed);

  /// Drops the first `size` bytes of the window.
  void consume(std::size_t size) {
    if (keeping()) {
      consume_kept(size);
    } else {
      chunk_ += size;
    }
  }

  /// True while the window is a part of the chunk that was fed, and nothing is copied.
  [[nodiscard]] bool borrows_window() const { return !keeping(); }

  /// Copies what is left of the chunk that was fed, so that the chunk may be released.
  void copy_tail();

  /// Discards what has not been consumed, and frees the memory.
  void clear();

  /// True when everything fed has been consumed.
  [[nodiscard]] bool empty() const { return !keeping() && chunk_ == chunk_end_; }

  /// How many bytes have been consumed since the beginning.
  [[nodiscard]] std::uint64_t consumed() const {
    return fed_ - (kept_.size() - begin_) - chunk_rest().size();
  }

 private:
  [[nodiscard]] bool keeping() const { return begin_ < kept_.size(); }
  [[nodiscard]] Bytes chunk_rest() const { return {chunk_, chunk_end_}; }
  void set_chunk(Bytes chunk) {
    chunk_ = chunk.data();
    chunk_end_ = chunk_ + chunk.size();
  }
  void consume_kept(std::size_t size);
  void keep(std::size_t size);

  // The rest of the chunk, after what is kept. A frame only moves the first of these pointers.
  const std::byte* chunk_ = nullptr;
  const std::byte* chunk_end_ = nullptr;
  std::vector<std::byte> kept_;  // Copied, because no chunk held a whole frame.
  std::size_t begin_ = 0;        // Size of the prefix of kept_ that is consumed.
  std::size_t borrowed_ = 0;     // Suffix of kept_ that is also in the chunk, before chunk_.
  std::uint64_t fed_ = 0;        // All bytes that were fed, or consumed if clear() was called.
};

}  // namespace protocols
#pragma GCC visibility pop
