#include "reactor/descriptor_messages.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>

#include "reactor/platform/sys.hpp"

namespace reactor::inline v0 {
namespace {

// Room for the descriptors of one message, and for what options of the socket add to it, such as
// SO_PASSCRED.
struct Control {
  alignas(cmsghdr) char bytes[CMSG_SPACE(most_descriptors_at_once * sizeof(int)) + 512];
};

void append_descriptors(const cmsghdr& header, const msghdr& message,
                        std::vector<Descriptor>& received) {
  if (header.cmsg_level != SOL_SOCKET || header.cmsg_type != SCM_RIGHTS) return;
  // macOS does not shorten the header of a message that it has truncated.
  const auto* const end = static_cast<const char*>(message.msg_control) + message.msg_controllen;
  const auto room = static_cast<std::size_t>(end - reinterpret_cast<const char*>(&header));
  const std::size_t size = std::min(room, std::size_t{header.cmsg_len});
  const std::size_t count = (size - CMSG_LEN(0)) / sizeof(int);
  for (std::size_t i = 0; i < count; ++i) {
    int fd;
    std::memcpy(&fd, CMSG_DATA(&header) + i * sizeof fd, sizeof fd);
    received.push_back(Descriptor::own(fd));
  }
}

}  // namespace

std::ptrdiff_t send_with_descriptors(int socket, std::span<const std::byte> bytes,
                                     std::span<const Descriptor> descriptors) {
  iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  Control control{};
  if (!descriptors.empty()) {
    const std::size_t size = descriptors.size() * sizeof(int);
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    for (std::size_t i = 0; i < descriptors.size(); ++i) {
      const int fd = descriptors[i].fd();
      std::memcpy(CMSG_DATA(header) + i * sizeof fd, &fd, sizeof fd);
    }
  }
  return sys::sendmsg(socket, &message, 0);
}

std::ptrdiff_t receive_with_descriptors(int socket, std::span<std::byte> buffer,
                                        std::vector<Descriptor>& received) {
  iovec part{buffer.data(), buffer.size()};
  Control control;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  const ssize_t size = sys::recvmsg(socket, &message, 0);
  if (size < 0) return size;
  std::vector<Descriptor> arrived;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
    append_descriptors(*header, message, arrived);
  }
  // The room is enough for any message: the kernel could not open all of them in this process.
  if (message.msg_flags & MSG_CTRUNC) return -EMFILE;
  std::move(arrived.begin(), arrived.end(), std::back_inserter(received));
  return size;
}

Descriptor DescriptorMessages::take() {
  if (received.empty()) return {};
  Descriptor first = std::move(received.front());
  received.erase(received.begin());
  return first;
}

std::size_t DescriptorMessages::waiting() const {
  std::size_t count = 0;
  for (const Attached& attached : waiting_) count += attached.descriptors.size();
  return count;
}

void DescriptorMessages::push(std::size_t bytes_before, std::vector<Descriptor> descriptors) {
  waiting_.push_back({bytes_before, std::move(descriptors)});
}

DescriptorMessages::Bytes DescriptorMessages::next_bytes(Bytes front) const {
  for (const Attached& attached : waiting_) {
    if (attached.bytes_before > 0) {
      return front.first(std::min(front.size(), attached.bytes_before));
    }
  }
  return front;
}

std::span<const Descriptor> DescriptorMessages::next() const {
  if (waiting_.empty() || waiting_.front().bytes_before > 0) return {};
  return waiting_.front().descriptors;
}

void DescriptorMessages::pop(std::size_t sent) {
  if (sent > 0 && !next().empty()) waiting_.pop_front();
  for (Attached& attached : waiting_) attached.bytes_before -= sent;
}

}  // namespace reactor
