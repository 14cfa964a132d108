#include "samples/support/random.hpp"

#include <sys/random.h>

#include "samples/support/failed.hpp"

namespace samples {

void fill_randomly(std::span<std::byte> bytes) {
  // Never partial: the kernel fulfils requests of up to 256 bytes completely.
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw Failed("the kernel has no random numbers");
  }
}

std::string random_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  fill_randomly(std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

}  // namespace samples
