// Memory that is valid piece by piece, and only as long as the contract of decoders requires.
#pragma once

#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#endif

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "protocols/detail/cxx20.hpp"

#ifndef ASAN_POISON_MEMORY_REGION
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

namespace protocols::inline v0::testing {

/// Returns copies of pieces between bytes that must not be read: AddressSanitizer stops at a byte
/// that is read out of bounds or too late. Without it, expired pieces contain noise.
///
///     Loan loan({"he", "llo"});
///     decoder.feed(as_bytes(loan.borrow("he")));
///     loan.take_back();  // A view of it must not be read any more.
///
/// Cost      One allocation for all pieces, so that a million pieces do not slow a fuzzer down.
class Loan {
 public:
  explicit Loan(const std::vector<std::string_view>& pieces) {
    for (std::string_view piece : pieces) size_ += room_of(piece);
    memory_ = std::make_unique<char[]>(size_);
    ASAN_POISON_MEMORY_REGION(memory_.get(), size_);
  }
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;
  ~Loan() { ASAN_UNPOISON_MEMORY_REGION(memory_.get(), size_); }

  /// A valid copy of the next piece of the vector.
  [[nodiscard]] std::string_view borrow(std::string_view piece) {
    char* place = memory_.get() + used_;
    used_ += room_of(piece);
    ASAN_UNPOISON_MEMORY_REGION(place, piece.size());
    std::copy(piece.begin(), piece.end(), place);
    return {place, piece.size()};
  }

  /// Ends the validity of all pieces so far.
  void take_back() {
    char* begin = memory_.get() + taken_back_;
    const std::size_t size = used_ - taken_back_;
    taken_back_ = used_;
    ASAN_UNPOISON_MEMORY_REGION(begin, size);
    std::memset(begin, 0xDD, size);
    ASAN_POISON_MEMORY_REGION(begin, size);
  }

 private:
  // AddressSanitizer keeps track of units of eight bytes: a piece begins at a unit of its own, and
  // at least eight bytes that belong to no piece follow it.
  static std::size_t room_of(std::string_view piece) { return (piece.size() + 8 + 7) / 8 * 8; }

  std::size_t size_ = 0;
  std::size_t used_ = 0;
  std::size_t taken_back_ = 0;
  std::unique_ptr<char[]> memory_;
};

}  // namespace protocols::testing
