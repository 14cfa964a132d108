// TLS by libevent: bufferevent_openssl, echoed without a copy.
#include <event2/bufferevent_ssl.h>

#include "bench/peers/libevent_loop.hpp"
#include "bench/support/tls_identity.hpp"

using namespace bench;

namespace {

SSL_CTX* context = nullptr;

void accept_one(int fd) {
  bufferevent* const stream = bufferevent_openssl_socket_new(
      base, fd, SSL_new(context), BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(
      stream,
      [](bufferevent* from, void*) {
        evbuffer_add_buffer(bufferevent_get_output(from), bufferevent_get_input(from));
      },
      nullptr,
      [](bufferevent* ended, short what, void*) {
        if (!(what & BEV_EVENT_CONNECTED)) bufferevent_free(ended);
      },
      nullptr);
  bufferevent_enable(stream, EV_READ | EV_WRITE);
}

}  // namespace

int main(int argc, char** argv) {
  const PeerOptions options = parse_peer_options(argc, argv);
  context = make_server_context();
  return run_peer([&] { serve_by_libevent<accept_one>(options); });
}
