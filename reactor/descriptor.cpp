#include "reactor/descriptor.hpp"

#include "reactor/platform/sys.hpp"

namespace reactor::inline v0 {

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) sys::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) sys::close(fd_);
}

}  // namespace reactor
