#include "reactor/stream_connection.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "reactor/platform/sys.hpp"

namespace reactor::inline v0 {

CompactAddress::CompactAddress(const Address& address) {
  if (address.size() <= sizeof bytes_) std::memcpy(&bytes_, address.data(), address.size());
}

bool CompactAddress::operator==(const CompactAddress& other) const {
  return std::memcmp(&bytes_, &other.bytes_, sizeof bytes_) == 0;
}

std::string CompactAddress::to_string() const {
  const auto* address = reinterpret_cast<const sockaddr*>(&bytes_);
  if (address->sa_family == AF_INET) return Address::from(address, sizeof(sockaddr_in)).to_string();
  if (address->sa_family == AF_INET6) return Address::from(address, sizeof bytes_).to_string();
  return "unix socket";
}

bool is_connected_to_itself(const Socket& socket, const CompactAddress& peer) {
  const auto local = socket.local_address();
  return local && local->family() != Family::unix_socket && CompactAddress(*local) == peer;
}

Error StreamConnection::take_error(const char* operation) {
  Error error = socket_.take_error();
  if (!error) return error;
  error.operation = operation;
  error.subject = peer();
  return error;
}

int StreamConnection::unsent_bytes() const { return std::max(sys::unsent_bytes(fd()), 0); }

std::ptrdiff_t StreamConnection::send(Bytes first, Bytes second, int flags) const {
  if (first.empty()) return sys::send(fd(), second.data(), second.size(), flags);
  if (second.empty()) return sys::send(fd(), first.data(), first.size(), flags);
  std::array<iovec, 2> parts{{{const_cast<std::byte*>(first.data()), first.size()},
                              {const_cast<std::byte*>(second.data()), second.size()}}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return sys::sendmsg(fd(), &message, flags);
}

void StreamConnection::send_end() const { sys::shutdown(fd(), SHUT_WR); }

int StreamConnection::wait_for(Source& source, Interest wanted) {
  Engine& engine = source.engine();
  const Trigger trigger = engine.has_edge_trigger() ? Trigger::edge : Trigger::level;
  const int error = watched_ ? engine.rewatch(source, fd(), wanted, trigger)
                             : engine.watch(source, fd(), wanted, trigger);
  watched_ = true;
  registered_ = wanted;
  return error;
}

void StreamConnection::close(Source& source, bool reset) {
  if (registered_ != Interest::none) source.engine().unwatch_closed(source, fd());
  registered_ = Interest::none;
  if (reset) {
    const linger at_once{1, 0};
    sys::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  socket_ = Socket();
}

}  // namespace reactor
