#include "web/random_bytes.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

namespace web {
namespace {

struct Supply {
  std::array<std::byte, 256> bytes;  // The most that getentropy returns.
  std::size_t used = 256;
};

}  // namespace

void fill_randomly(std::span<std::byte> bytes) {
  thread_local Supply supply;
  if (supply.bytes.size() - supply.used < bytes.size()) {
    if (::getentropy(supply.bytes.data(), supply.bytes.size()) != 0) {
      throw std::system_error(errno, std::generic_category(), "getentropy");
    }
    supply.used = 0;
  }
  const auto taken = std::span(supply.bytes).subspan(supply.used, bytes.size());
  std::copy(taken.begin(), taken.end(), bytes.begin());
  supply.used += bytes.size();
}

}  // namespace web
