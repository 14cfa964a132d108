#include "reactor/datagram_sender.hpp"

#include <algorithm>
#include <cerrno>

namespace reactor::inline v0 {
namespace {

// Errors for a GSO message whose datagrams the kernel may still take one by one.
bool means_no_gso(int number) {
  return number == EIO || number == EINVAL || number == EMSGSIZE || number == EOPNOTSUPP;
}

}  // namespace

std::size_t DatagramSender::transmit(std::span<Outgoing> outgoing) {
  std::size_t done = 0;
  std::size_t one_by_one_until = 0;  // Set after a GSO message was refused.
  std::size_t limit_then = 0;        // The new limit, if its datagrams are taken one by one.
  std::size_t repeated = outgoing.size();
  out_of_buffers_ = false;
  while (done < outgoing.size()) {
    const auto [count, datagrams] = batch_.build(
        outgoing.subspan(done), one_by_one_until > done ? one_by_one_until - done : 0, gso_limit_);
    const int taken = batch_.send(socket_.fd(), count);
    if (taken == static_cast<int>(count) && done >= one_by_one_until) {
      counters_.sent += datagrams;
      done += datagrams;
      continue;
    }
    if (taken > 0) {
      for (unsigned i = 0; i < static_cast<unsigned>(taken); ++i) {
        if (done < one_by_one_until) gso_limit_ = std::min(gso_limit_, limit_then);
        counters_.sent += batch_.length(i);
        done += batch_.length(i);
      }
      continue;
    }
    out_of_buffers_ = taken == -ENOBUFS;
    if (taken == -EAGAIN || out_of_buffers_) break;
    if (taken == -EINTR) continue;
    Outgoing& first = outgoing[done];
    const std::size_t length = batch_.length(0);
    if (length > 1 && means_no_gso(-taken)) {
      // Datagrams longer than the link's MTU are fragmented when sent one by one, never with GSO.
      // Some links do not support GSO at all and return EIO.
      one_by_one_until = done + length;
      limit_then = taken == -EINVAL || taken == -EMSGSIZE ? first.bytes.size() - 1 : 0;
    } else if (first.from && taken == -EINVAL) {
      // The address was removed from the interface since, or is a broadcast address.
      for (Outgoing& datagram : outgoing.subspan(done, length)) datagram.from = nullptr;
    } else if (errors_.take_icmp_errors()) {
      // Errors of earlier datagrams: the kernel returns one instead of taking the next datagram.
    } else if (connected_ && repeated != done) {
      errors_.add_earlier(-taken);
      repeated = done;
    } else {
      errors_.add_not_sent(-taken, first);
      counters_.failed += length;
      done += length;
    }
  }
  return done;
}

}  // namespace reactor
