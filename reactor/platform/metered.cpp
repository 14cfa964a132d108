#include "reactor/platform/metered.hpp"

namespace reactor::inline v0::platform {
namespace {

ssize_t count_bytes(std::uint64_t Traffic::*total, ssize_t size) {
  if (counted && size > 0) counted->*total += static_cast<std::uint64_t>(size);
  return size;
}

// The number of messages, whose bytes are counted.
int count_bytes(std::uint64_t Traffic::*total, const Message* messages, int number) {
  for (int i = 0; i < number; ++i) count_bytes(total, static_cast<ssize_t>(messages[i].length));
  return number;
}

class Metered final : public Platform {
 public:
  int accept(int fd, sockaddr* address, socklen_t* size) override {
    const int accepted = kernel::accept(fd, address, size);
    if (counted && accepted >= 0) ++counted->accepted;
    return accepted;
  }
  ssize_t recv(int fd, void* buffer, std::size_t size, int flags) override {
    return count_bytes(&Traffic::received_bytes, kernel::recv(fd, buffer, size, flags));
  }
  ssize_t recvmsg(int fd, msghdr* message, int flags) override {
    return count_bytes(&Traffic::received_bytes, kernel::recvmsg(fd, message, flags));
  }
  int recvmmsg(int fd, Message* messages, unsigned number, int flags) override {
    return count_bytes(&Traffic::received_bytes, messages,
                       kernel::recvmmsg(fd, messages, number, flags));
  }
  ssize_t send(int fd, const void* data, std::size_t size, int flags) override {
    return count_bytes(&Traffic::sent_bytes, kernel::send(fd, data, size, flags));
  }
  ssize_t sendmsg(int fd, const msghdr* message, int flags) override {
    return count_bytes(&Traffic::sent_bytes, kernel::sendmsg(fd, message, flags));
  }
  ssize_t sendfile(int socket, int file, off_t* offset, std::size_t size) override {
    return count_bytes(&Traffic::sent_bytes, kernel::sendfile(socket, file, offset, size));
  }
  int sendmmsg(int fd, Message* messages, unsigned number, int flags) override {
    return count_bytes(&Traffic::sent_bytes, messages,
                       kernel::sendmmsg(fd, messages, number, flags));
  }
};

}  // namespace

constinit thread_local Traffic* counted = nullptr;

Platform& metered() {
  static Metered platform;
  return platform;
}

}  // namespace reactor::platform
