// Datagrams on bare epoll. `--idiom batch`, the baseline: one recvmmsg and one sendmmsg for each
// wake-up, with at most 64 messages, sent back from the buffers they were received in. `--idiom
// drain` echoes one at a time until none is left, `--idiom single` one for each wake-up.
#include <sys/epoll.h>

#include <array>
#include <vector>

#include "bench/peers/peer.hpp"

using namespace bench;

namespace {

constexpr std::size_t batch = 64;
constexpr std::size_t most_bytes = 2048;

struct Messages {
  Messages() : buffer(batch * most_bytes) {
    for (std::size_t i = 0; i < batch; ++i) {
      parts[i].iov_base = buffer.data() + i * most_bytes;
      headers[i].msg_hdr.msg_iov = &parts[i];
      headers[i].msg_hdr.msg_iovlen = 1;
      headers[i].msg_hdr.msg_name = &senders[i];
    }
  }

  void echo(int fd) {
    for (std::size_t i = 0; i < used; ++i) {
      parts[i].iov_len = most_bytes;
      headers[i].msg_hdr.msg_namelen = sizeof senders[i];
    }
    const int received = recvmmsg(fd, headers.data(), batch, 0, nullptr);
    used = received > 0 ? static_cast<std::size_t>(received) : 0;
    for (std::size_t i = 0; i < used; ++i) parts[i].iov_len = headers[i].msg_len;
    for (std::size_t sent = 0; sent < used;) {
      const int count = sendmmsg(fd, headers.data() + sent, static_cast<unsigned>(used - sent), 0);
      if (count <= 0) break;
      sent += static_cast<std::size_t>(count);
    }
  }

  std::vector<char> buffer;
  std::array<sockaddr_storage, batch> senders;
  std::array<iovec, batch> parts;
  std::array<mmsghdr, batch> headers{};
  std::size_t used = batch;
};

bool echo_one(int fd) {
  static char buffer[most_bytes];
  Endpoint sender;
  const ssize_t size = recvfrom(fd, buffer, sizeof buffer, 0, sender.address(), &sender.size);
  if (size < 0) return false;
  sendto(fd, buffer, static_cast<std::size_t>(size), 0, sender.address(), sender.size);
  return true;
}

void serve(const PeerOptions& options) {
  const int fd = bind_datagrams_and_tell(options);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll_ctl");

  Messages messages;
  for (;;) {
    epoll_wait(epoll, &event, 1, -1);
    if (options.idiom == "batch") {
      messages.echo(fd);
    } else {
      while (echo_one(fd) && options.idiom == "drain") {
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  return run_peer([&] { serve(parse_peer_options(argc, argv, "batch")); });
}
