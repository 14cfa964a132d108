// libevent's evhttp.
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

#include "bench/peers/peer.hpp"

namespace {

constexpr std::string_view text = "Hello, world!\n";

void answer(evhttp_request* request, void*) {
  evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", "text/plain");
  evbuffer* body = evhttp_request_get_output_buffer(request);
  evbuffer_add_reference(body, text.data(), text.size(), nullptr, nullptr);
  evhttp_send_reply(request, 200, "OK", nullptr);
}

void serve(const bench::PeerOptions& options) {
  event_base* base = event_base_new();
  evhttp* http = evhttp_new(base);
  evhttp_set_gencb(http, answer, nullptr);
  const int fd = bench::listen_and_tell(options);
  bench::set_no_delay(fd);  // The connections inherit it.
  if (evhttp_accept_socket(http, fd) < 0) bench::fail("evhttp_accept_socket");
  event_base_dispatch(base);
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_peer([&] { serve(bench::parse_peer_options(argc, argv)); });
}
