#include "support/allocations.hpp"

#include <malloc.h>

#include <cstdlib>
#include <new>

namespace {

thread_local std::size_t calls = 0;
thread_local std::ptrdiff_t live = 0;
thread_local bool failed = false;

#ifdef _WIN32
[[maybe_unused]] std::size_t size_of(void* memory) { return _msize(memory); }
#else
[[maybe_unused]] std::size_t size_of(void* memory) { return malloc_usable_size(memory); }
#endif

}  // namespace

namespace allocations {

std::size_t count() { return calls; }
std::ptrdiff_t live_bytes() { return live; }
bool has_failed() { return failed; }

}  // namespace allocations

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif

#ifdef SANITIZED

bool allocations::fail_nth(std::size_t) { return false; }

// A sanitizer has its own new and delete, which report what they do.
extern "C" {

std::size_t __sanitizer_get_allocated_size(const volatile void* memory);

void __sanitizer_malloc_hook(const volatile void*, std::size_t size) {
  ++calls;
  live += static_cast<std::ptrdiff_t>(size);
}

void __sanitizer_free_hook(const volatile void* memory) {
  if (memory) live -= static_cast<std::ptrdiff_t>(__sanitizer_get_allocated_size(memory));
}
}

#else

namespace {
thread_local std::size_t calls_until_failure = 0;
}  // namespace

bool allocations::fail_nth(std::size_t n) {
  calls_until_failure = n;
  failed = false;
  return true;
}

// The other forms of new and delete call these by default, except the aligned ones.
void* operator new(std::size_t size) {
  if (calls_until_failure > 0 && --calls_until_failure == 0) {
    failed = true;
    throw std::bad_alloc();
  }
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (!memory) throw std::bad_alloc();
  ++calls;
  live += static_cast<std::ptrdiff_t>(size_of(memory));
  return memory;
}

void operator delete(void* memory) noexcept {
  live -= static_cast<std::ptrdiff_t>(size_of(memory));
  std::free(memory);
}

void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

#endif
