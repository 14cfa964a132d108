// Sends each datagram back to its sender.
#include <chrono>
#include <list>
#include <string>
#include <vector>

#include "reactor/datagram.hpp"
#include "reactor/resolver.hpp"
#include "reactor/timer.hpp"
#include "samples/support/may_answer.hpp"
#include "samples/support/program.hpp"
#include "samples/support/socket_file.hpp"
#include "samples/support/upper.hpp"

namespace {

// Enough for what has arrived before SIGTERM: the kernel's buffer holds no more than that.
constexpr std::chrono::milliseconds time_to_finish(50);

class EchoSocket {
 public:
  EchoSocket(reactor::Loop& loop, const std::string& endpoint, bool upper)
      : socket_(samples::value_of(reactor::DatagramSocket::bind(
            loop, samples::value_of(reactor::resolve_now(endpoint)).front(),
            {.when_full = reactor::WhenFull::drop_newest}))),
        file_(socket_.address()) {
    socket_.on_received([this, upper](std::span<const reactor::Datagram> batch) {
      for (const reactor::Datagram& datagram : batch) {
        if (!samples::may_answer(datagram.sender, socket_.address())) continue;
        upper ? socket_.reply(datagram, samples::upper(datagram.bytes))
              : socket_.reply(datagram, datagram.bytes);
      }
    });
  }

  [[nodiscard]] const reactor::Address& address() const { return socket_.address(); }

  // What is queued is still sent.
  void end() { socket_.pause(); }

 private:
  reactor::DatagramSocket socket_;
  const samples::SocketFile file_;
};

void serve(const std::vector<std::string>& endpoints, bool upper) {
  reactor::Loop loop;
  std::list<EchoSocket> sockets;
  for (const std::string& endpoint : endpoints) sockets.emplace_back(loop, endpoint, upper);
  reactor::Timer end(loop, [&] {
    for (EchoSocket& socket : sockets) socket.end();
  });
  const samples::StopSignals signals(loop, [&] {
    if (!end.running()) end.restart(time_to_finish);
  });
  for (const EchoSocket& socket : sockets) samples::announce(socket.address());
  loop.run();
}

}  // namespace

int main(int count, char** words) {
  std::vector<std::string> endpoints{"127.0.0.1:9002"};
  bool upper = false;
  CLI::App command_line{
      "Sends each datagram back to its sender. Does not answer ports below 1024 and its own port:\n"
      "a forged sender could make two servers answer each other for ever. Takes at most 4 MiB of\n"
      "memory to receive, and 1 MiB for each endpoint for answers that wait.\n"
      "Example: udp_echo_server --listen 127.0.0.1:9002 --upper"};
  command_line.option_defaults()->always_capture_default();
  command_line
      .add_option("--listen", endpoints,
                  "HOST:PORT, [::1]:PORT or unix:PATH; may be repeated; port 0: any")
      ->take_all();
  command_line.add_flag("--upper", upper, "Answer in upper case");
  return samples::run_program(command_line, count, words, [&] { serve(endpoints, upper); });
}
