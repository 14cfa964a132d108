// libh2o on its own event loop, like its example `simple`.
#include <h2o.h>

#include "bench/peers/peer.hpp"

namespace {

constexpr std::string_view text = "Hello, world!\n";

int answer(h2o_handler_t*, h2o_req_t* request) {
  static h2o_generator_t generator{};
  request->res.status = 200;
  request->res.reason = "OK";
  request->res.content_length = text.size();
  h2o_add_header(&request->pool, &request->res.headers, H2O_TOKEN_CONTENT_TYPE, nullptr,
                 H2O_STRLIT("text/plain"));
  h2o_start_response(request, &generator);
  h2o_iovec_t body = h2o_iovec_init(text.data(), text.size());
  h2o_send(request, &body, 1, H2O_SEND_STATE_FINAL);
  return 0;
}

void accept_all(h2o_socket_t* listener, const char* error) {
  if (error) return;
  while (h2o_socket_t* socket = h2o_evloop_socket_accept(listener)) {
    h2o_accept(static_cast<h2o_accept_ctx_t*>(listener->data), socket);
  }
}

void serve(const bench::PeerOptions& options) {
  static h2o_globalconf_t config;
  static h2o_context_t context;
  static h2o_accept_ctx_t accept;
  h2o_config_init(&config);
  h2o_hostconf_t* host =
      h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
  h2o_pathconf_t* path = h2o_config_register_path(host, "/", 0);
  h2o_create_handler(path, sizeof(h2o_handler_t))->on_req = answer;
  h2o_context_init(&context, h2o_evloop_create(), &config);
  accept.ctx = &context;
  accept.hosts = config.hosts;

  const int fd = bench::listen_and_tell(options);
  h2o_socket_t* listener = h2o_evloop_socket_create(context.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
  listener->data = &accept;
  h2o_socket_read_start(listener, accept_all);
  while (h2o_evloop_run(context.loop, INT32_MAX) == 0) continue;
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_peer([&] { serve(bench::parse_peer_options(argc, argv)); });
}
