// cpp-httplib: a thread for each connection, until the connection ends.
#include <httplib.h>

#include "bench/peers/peer.hpp"

int main(int argc, char** argv) {
  return bench::run_peer([&] {
    const bench::PeerOptions options = bench::parse_peer_options(argc, argv);
    const std::string host = options.listen.substr(0, options.listen.rfind(':'));
    httplib::Server server;
    server.new_task_queue = [] { return new httplib::ThreadPool(128); };
    server.set_tcp_nodelay(true);
    server.set_keep_alive_max_count(std::size_t{1} << 40);
    server.set_keep_alive_timeout(3600);
    server.Get("/", [](const httplib::Request&, httplib::Response& response) {
      response.set_content("Hello, world!\n", "text/plain");
    });
    const int port = server.bind_to_any_port(host);
    if (port < 0) bench::fail("bind");
    std::printf("listening on %s:%d\n", host.c_str(), port);
    std::fflush(stdout);
    server.listen_after_bind();
  });
}
