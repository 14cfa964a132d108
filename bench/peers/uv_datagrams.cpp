// libuv's datagrams: recvmmsg, as its documentation recommends for speed, and uv_udp_try_send.
#include <uv.h>

#include <vector>

#include "bench/peers/peer.hpp"

using namespace bench;

namespace {

// uv_udp_recv_start needs room for twenty datagrams of 64 KiB to receive several in one call.
std::vector<char> buffer(20 * (64 << 10));

void on_received(uv_udp_t* socket, ssize_t size, const uv_buf_t* received, const sockaddr* sender,
                 unsigned) {
  if (size < 0 || !sender) return;
  uv_buf_t answer = uv_buf_init(received->base, static_cast<unsigned>(size));
  uv_udp_try_send(socket, &answer, 1, sender);
}

void serve(const PeerOptions& options) {
  const int fd = bind_datagrams_and_tell(options);
  uv_loop_t* loop = uv_default_loop();
  uv_udp_t socket;
  uv_udp_init_ex(loop, &socket, AF_UNSPEC | UV_UDP_RECVMMSG);
  if (uv_udp_open(&socket, fd) < 0) throw std::runtime_error("uv_udp_open");
  uv_udp_recv_start(
      &socket,
      [](uv_handle_t*, std::size_t, uv_buf_t* lent) {
        *lent = uv_buf_init(buffer.data(), static_cast<unsigned>(buffer.size()));
      },
      on_received);
  uv_run(loop, UV_RUN_DEFAULT);
}

}  // namespace

int main(int argc, char** argv) {
  return run_peer([&] { serve(parse_peer_options(argc, argv)); });
}
