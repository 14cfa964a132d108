// The output of one callback, sent in one system call. Internal.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "reactor/loop_handle.hpp"

namespace reactor::inline v0 {

/// Gathers what a callback writes to one source until the callback returns. It decides when to
/// send; the source sends. It owns the buffer that all streams of a loop read into, so an echo is
/// sent without a copy.
class OutputBatch {
 public:
  /// The size of the longest read, and of the buffer in which small writes are gathered.
  static constexpr std::size_t read_buffer_bytes = 512 * 1024;
  static constexpr std::size_t gather_buffer_bytes = 16 * 1024;

  /// A callback begins, and returns.
  void begin() {
    assert(!open_ && "a callback was called from inside another");
    open_ = true;
  }
  void end() { open_ = false; }
  [[nodiscard]] bool is_open() const { return open_; }

  /// Each read starts here; read_buffer_bytes long.
  [[nodiscard]] std::byte* read_buffer() const { return buffers_.get(); }

  /// Keeps `bytes` for `source` after what was gathered for it before. Bytes in the read buffer
  /// stay there, others are copied. False when no callback is running, or when they do not fit.
  [[nodiscard]] bool gather(Source& source, std::span<const std::byte> bytes);

  /// Room for `size` bytes: gather() of its beginning copies nothing, if nothing else is gathered in
  /// between.
  [[nodiscard]] std::span<std::byte> reserve(Source& source, std::size_t size) {
    if (source_ == &source && open_) [[likely]] {
      const auto used = static_cast<std::size_t>(gathered_.data() + gathered_.size() -
                                                 gather_buffer());  // Huge for what was read.
      if (used <= gather_buffer_bytes && size <= gather_buffer_bytes - used) {
        return {gather_buffer() + used, size};
      }
    }
    return reserve_otherwise(source, size);
  }

  /// The same for the first write of bytes that were just read, as an echo or a relay does; false
  /// for anything else.
  [[nodiscard]] bool gather_first(Source& source, std::span<const std::byte> bytes) {
    if (!open_ || source_ || !was_read(bytes)) return false;
    source_ = &source;
    gathered_ = bytes;
    return true;
  }

  /// The same for later writes of bytes that are in their place: just read, or in reserved room.
  [[nodiscard]] bool gather_in_place(const Source& source, std::span<const std::byte> bytes) {
    if (!open_ || source_ != &source || !is_in_place(bytes)) return false;
    gathered_ = {gathered_.data(), gathered_.size() + bytes.size()};
    return true;
  }

  /// For a source that stores what it sends itself: it sends in on_gathered(). False when no
  /// callback is running.
  [[nodiscard]] bool gather_itself(Source& source) {
    if (!open_) return false;
    if (source_ != &source) flush();
    source_ = &source;
    gathered_ = {};
    return true;
  }

  /// Returns what is gathered for this source, which takes it over.
  [[nodiscard]] std::span<const std::byte> take(const Source& source) {
    if (source_ != &source) return {};
    source_ = nullptr;
    return gathered_;
  }

  /// Makes the source send what is gathered.
  void flush() {
    if (source_) std::exchange(source_, nullptr)->on_gathered(gathered_);
  }
  void discard() { source_ = nullptr; }

 private:
  [[nodiscard]] std::byte* gather_buffer() const { return buffers_.get() + read_buffer_bytes; }
  // They are adjacent to what is gathered, as they were read, or in reserved room.
  [[nodiscard]] bool is_in_place(std::span<const std::byte> bytes) const {
    const std::byte* const end = gathered_.data() + gathered_.size();
    return bytes.data() == end && end != gather_buffer() + gather_buffer_bytes;
  }
  [[nodiscard]] bool has_room(std::size_t size);
  [[nodiscard]] std::span<std::byte> reserve_otherwise(Source& source, std::size_t size);
  [[nodiscard]] bool was_read(std::span<const std::byte> bytes) const {
    return reinterpret_cast<std::uintptr_t>(bytes.data()) -
               reinterpret_cast<std::uintptr_t>(buffers_.get()) <
           read_buffer_bytes;
  }

  bool open_ = false;
  Source* source_ = nullptr;
  std::span<const std::byte> gathered_;  // In one of the buffers.
  // For reading, and after that for gathering. Pages that are not touched take no memory.
  const std::unique_ptr<std::byte[]> buffers_ =
      std::make_unique_for_overwrite<std::byte[]>(read_buffer_bytes + gather_buffer_bytes);
  std::unique_ptr<std::byte[]> spare_;  // What was reserved last, where the buffer has no room.
};

}  // namespace reactor
