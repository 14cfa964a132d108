#include "samples/support/random.hpp"

#include <span>

#include "reactor/random_bytes.hpp"

namespace samples {

std::string random_bytes(std::size_t size) {
  std::string bytes(size, '\0');
  reactor::fill_randomly(std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

}  // namespace samples
