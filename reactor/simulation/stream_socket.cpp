#include "reactor/simulation/stream_socket.hpp"

#include <algorithm>

#include "reactor/simulation/environment.hpp"

namespace reactor::inline v0::simulation {

std::size_t StreamSocket::send_buffer_bytes() const {
  const int set = int_option(SOL_SOCKET, SO_SNDBUF);
  return set > 0 ? static_cast<std::size_t>(set) : world().options.send_buffer_bytes;
}

std::size_t StreamSocket::receive_buffer_bytes() const {
  const int set = int_option(SOL_SOCKET, SO_RCVBUF);
  return set > 0 ? static_cast<std::size_t>(set) : world().options.receive_buffer_bytes;
}

StreamSocket* StreamSocket::accept() {
  if (accepted_.empty()) return nullptr;
  StreamSocket* const first = accepted_.front();
  accepted_.pop_front();
  return first;
}

void StreamSocket::set_backlog(int backlog) {
  backlog_ = static_cast<std::size_t>(std::clamp(backlog, 0, 4096));
}

}  // namespace reactor::simulation
