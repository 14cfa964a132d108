#include "support/allocations.hpp"

#include <malloc.h>

#include <cstdlib>
#include <new>

namespace {

thread_local std::size_t calls = 0;
thread_local std::ptrdiff_t live = 0;

}  // namespace

namespace allocations {

std::size_t count() { return calls; }
std::ptrdiff_t live_bytes() { return live; }

}  // namespace allocations

// The other forms of new and delete end in these by default, but for the aligned ones.
void* operator new(std::size_t size) {
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (!memory) throw std::bad_alloc();
  ++calls;
  live += static_cast<std::ptrdiff_t>(malloc_usable_size(memory));
  return memory;
}

void operator delete(void* memory) noexcept {
  live -= static_cast<std::ptrdiff_t>(malloc_usable_size(memory));
  std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }
