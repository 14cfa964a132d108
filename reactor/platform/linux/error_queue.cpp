#include "reactor/error_queue.hpp"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstring>

#include "reactor/platform/sys.hpp"
#include "reactor/socket_option.hpp"

namespace reactor::inline v0 {
namespace {

// The errno that an error queue reports for a datagram; 0 if its sender has received it already.
int refusal_in(msghdr& message) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&message); control;
       control = CMSG_NXTHDR(&message, control)) {
    const bool ipv4 = control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_RECVERR;
    const bool ipv6 = control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_RECVERR;
    if (!ipv4 && !ipv6) continue;
    sock_extended_err error;
    std::memcpy(&error, CMSG_DATA(control), sizeof error);
    return error.ee_origin == SO_EE_ORIGIN_LOCAL ? 0 : static_cast<int>(error.ee_errno);
  }
  return 0;
}

// IPv4 peers of an IPv6 socket have a separate error queue, with its own option.
constexpr SocketOption<bool> mapped_error_queue{"error_queue", IPPROTO_IP, IP_RECVERR};

}  // namespace

Result<void> ErrorQueue::open(Socket& socket) {
  if (auto set = socket.set(option::error_queue, true); !set) return set;
  return socket.set(mapped_error_queue, true);
}

std::span<const IcmpError> ErrorQueue::take(int fd) {
  struct Control {
    alignas(cmsghdr) std::byte bytes[256];
  };
  std::array<Control, most> controls;
  std::array<platform::Message, most> messages{};
  for (unsigned i = 0; i < most; ++i) {
    msghdr& message = messages[i].header;
    message.msg_name = errors_[i].receiver.data();
    message.msg_namelen = Address::capacity();
    message.msg_control = &controls[i];
    message.msg_controllen = sizeof(Control);
  }
  const int count = sys::recvmmsg(fd, messages.data(), most, MSG_ERRQUEUE);
  if (count <= 0) return {};
  const auto taken = std::span(errors_).first(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < taken.size(); ++i) {
    taken[i].receiver.resize(messages[i].header.msg_namelen);
    taken[i].number = refusal_in(messages[i].header);
  }
  return taken;
}

}  // namespace reactor
