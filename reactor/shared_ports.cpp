#include "reactor/shared_ports.hpp"

#include <algorithm>
#include <vector>

#include "reactor/platform/sys.hpp"
#include "reactor/socket_option.hpp"

namespace reactor::inline v0::shared_ports {
namespace {

bool shares_port(int fd) {
  int shares = 0;
  socklen_t size = sizeof shares;
  const auto& shared = option::reuse_port;
  return sys::getsockopt(fd, shared.level, shared.number, &shares, &size) == 0 && shares != 0;
}

bool is_bound_to(int fd, const Address& address) {
  Address bound;
  socklen_t size = Address::capacity();
  if (sys::getsockname(fd, bound.data(), &size) != 0) return false;
  bound.resize(size);
  return bound == address;
}

// Descriptors that shared a port when they were bound. One that was closed since, or is another
// socket now, is recognised when it is checked.
struct Sharing {
  std::mutex binding;
  std::mutex mutex;  // Guards the descriptors.
  std::vector<int> descriptors;

  static Sharing& instance() {
    static auto* const sharing = new Sharing;
    return *sharing;
  }

  void add(int fd) {
    const std::lock_guard lock(mutex);
    std::erase_if(descriptors, [fd](int known) { return known == fd || !shares_port(known); });
    descriptors.push_back(fd);
  }

  [[nodiscard]] bool has(const Address& address) {
    const std::lock_guard lock(mutex);
    return std::any_of(descriptors.begin(), descriptors.end(),
                       [&](int fd) { return shares_port(fd) && is_bound_to(fd, address); });
  }
};

}  // namespace

void note(int fd) {
  if (shares_port(fd)) Sharing::instance().add(fd);
}

bool has(const Address& address) { return Sharing::instance().has(address); }

std::mutex& binding() { return Sharing::instance().binding; }

}  // namespace reactor::shared_ports
