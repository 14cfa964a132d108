// The library's datagram echo server for the benchmarks: `datagram_server [--listen HOST:PORT]
// [--no-offload]`.
#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <string>

#include "reactor/datagram.hpp"
#include "reactor/signal.hpp"

namespace {

void run(const std::string& listen, bool segmentation_offload) {
  reactor::Loop loop;
  reactor::DatagramOptions options;
  options.segmentation_offload = segmentation_offload;
  auto socket = reactor::DatagramSocket::bind(loop, listen, options);
  if (!socket) throw std::runtime_error(socket.error().message());
  socket->on_received([&](std::span<const reactor::Datagram> batch) {
    for (const reactor::Datagram& datagram : batch) socket->reply(datagram, datagram.bytes);
  });
  std::printf("listening on %s\n", socket->address().to_string().c_str());
  std::fflush(stdout);
  const auto end = reactor::Signal::create(loop, SIGTERM, [&loop] { loop.stop(); });
  loop.run();
}

}  // namespace

int main(int argc, char** argv) {
  std::string listen = "127.0.0.1:0";
  bool segmentation_offload = true;
  CLI::App app("The library's datagram echo, as it is measured.", "datagram_server");
  app.add_option("--listen", listen, "HOST:PORT or [::1]:PORT")->capture_default_str();
  app.add_flag("!--no-offload", segmentation_offload, "Send and receive each datagram by itself");
  CLI11_PARSE(app, argc, argv);
  try {
    run(listen, segmentation_offload);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
