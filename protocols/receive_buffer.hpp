// The buffering below every decoder, written once: lends what lies whole in a chunk, keeps only
// the unfinished tail.
//
//     lent only        |frame|frame|fra|        window = the chunk: frames are views of it
//     chunk used up                |fra|        the tail is copied
//     next chunk       |fra + me|               bytes are borrowed from the chunk until the frame
//                           |me|frame|frame|    is whole; then window = the rest of the chunk again
#pragma once

#include <cstdint>
#include <vector>

#include "protocols/bytes.hpp"

namespace protocols {

/// A byte stream that arrives in chunks, seen through a window of contiguous bytes.
///
/// Lifetime  Borrows the chunk last fed until it is consumed, or extend() returned false, or
///           copy_tail() was called. Views of the window hold until the next call that is not
///           const, consume() excepted.
/// Cost      Each byte is copied at most a constant number of times, however the stream is cut.
class ReceiveBuffer {
 public:
  /// Takes the next bytes of the stream.
  void feed(Bytes chunk);

  /// The front of the stream: all that can be seen without copying.
  [[nodiscard]] Bytes window() const { return keeping() ? Bytes(kept_).subspan(begin_) : lent(); }

  /// Makes the window longer, best to `needed` bytes; one more than it has means that nobody knows
  /// how many. False when all that was fed is in the window and nothing is lent any more.
  bool extend(std::size_t needed);

  /// Drops the first `size` bytes of the window.
  void consume(std::size_t size) {
    consumed_ += size;
    if (keeping()) {
      consume_kept(size);
    } else {
      lent_ += size;
    }
  }

  /// Copies what is left of the chunk that was fed, so that the chunk may go.
  void copy_tail();

  /// Forgets what has not been consumed, and frees the memory.
  void clear();

  /// True when everything fed has been consumed.
  [[nodiscard]] bool empty() const { return !keeping() && lent_ == lent_end_; }

  /// How many bytes have been consumed since the beginning.
  [[nodiscard]] std::uint64_t consumed() const { return consumed_; }

 private:
  [[nodiscard]] bool keeping() const { return begin_ < kept_.size(); }
  [[nodiscard]] Bytes lent() const { return {lent_, lent_end_}; }
  void lend(Bytes chunk) {
    lent_ = chunk.data();
    lent_end_ = lent_ + chunk.size();
  }
  void consume_kept(std::size_t size);
  void keep(std::size_t size);

  // What is left of the chunk, behind what is kept. Two pointers, of which a frame moves one.
  const std::byte* lent_ = nullptr;
  const std::byte* lent_end_ = nullptr;
  std::vector<std::byte> kept_;  // Copied, because no chunk held a whole frame.
  std::size_t begin_ = 0;        // Prefix of kept_ that is consumed.
  std::size_t borrowed_ = 0;     // Suffix of kept_ that also lies in the chunk, ahead of lent_.
  std::uint64_t consumed_ = 0;
};

}  // namespace protocols
