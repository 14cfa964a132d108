#include "reactor/platform/datagram_features.hpp"

#include <sys/time.h>

#include <chrono>

namespace reactor::inline v0::platform {

bool is_udp(int) { return false; }

std::uint64_t dropped_by_kernel(int) { return 0; }

std::size_t read_control(msghdr& message, PacketInfo& packet_info) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&message); control;
       control = CMSG_NXTHDR(&message, control)) {
#ifdef SCM_TIMESTAMP
    if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_TIMESTAMP) {
      const auto time = value_of<timeval>(*control);
      packet_info.time = std::chrono::sys_time<std::chrono::nanoseconds>(
          std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec));
    }
#endif
    read_packet_info(*control, packet_info);
  }
  return 0;
}

// Never called: no socket is known to be UDP, so datagrams are sent one by one.
void append_segment(msghdr&, std::size_t) {}

void append_refusal(msghdr&, int) {}

}  // namespace reactor::platform
