// Sends each datagram back to its sender.
#include <algorithm>
#include <chrono>
#include <list>
#include <string>
#include <vector>

#include "reactor/datagram.hpp"
#include "reactor/stop_signals.hpp"
#include "reactor/timer.hpp"
#include "samples/support/may_answer.hpp"
#include "samples/support/memory.hpp"
#include "samples/support/program.hpp"
#include "samples/support/socket_file.hpp"
#include "samples/support/upper.hpp"

namespace {

// Enough for what arrived before SIGTERM: the kernel's buffer holds no more than that.
constexpr std::chrono::milliseconds time_to_finish(50);

constexpr reactor::DatagramOptions options{.when_full = reactor::WhenFull::drop_newest};

// Echoes on all addresses of an endpoint.
struct Echo {
  Echo(reactor::Loop& loop, const std::string& endpoint, bool upper)
      : sockets(samples::value_of(reactor::DatagramSocket::bind_all(loop, endpoint, options))),
        file(address()) {
    for (reactor::DatagramSocket& socket : sockets) {
      socket.on_received([&socket, upper](std::span<const reactor::Datagram> batch) {
        for (const reactor::Datagram& datagram : batch) {
          if (!samples::may_answer(datagram.sender, socket.address())) continue;
          upper ? socket.reply(datagram, samples::upper(datagram.bytes))
                : socket.reply(datagram, datagram.bytes);
        }
      });
    }
  }

  [[nodiscard]] const reactor::Address& address() const { return sockets.front().address(); }

  // Queued datagrams are still sent.
  void end() {
    for (reactor::DatagramSocket& socket : sockets) socket.drain();
  }

  std::vector<reactor::DatagramSocket> sockets;
  const samples::SocketFile file;
};

void serve(const std::vector<std::string>& endpoints, bool upper) {
  reactor::Loop loop;
  std::list<Echo> echoes;
  for (const std::string& endpoint : endpoints) echoes.emplace_back(loop, endpoint, upper);
  reactor::Timer end(loop, [&] { std::ranges::for_each(echoes, &Echo::end); });
  const auto stop = samples::value_of(reactor::StopSignals::create(loop, [&] {
    if (!end.running()) end.restart(time_to_finish);
  }));
  for (const Echo& echo : echoes) samples::announce(echo.address());
  loop.run();
}

}  // namespace

int main(int count, char** words) {
  std::vector<std::string> endpoints{"127.0.0.1:9002"};
  bool upper = false;
  samples::CommandLine command_line{
      "Sends each datagram back to its sender, but not to ports below 1024 and its own port:\n"
      "a forged sender could make two servers reply to each other for ever.\n"
      "Example: udp_echo_server --listen 127.0.0.1:9002 --upper"};
  command_line.footer(samples::memory_text(
      options.most_bytes(), "what it receives, and " +
                                samples::mebibytes(options.max_queued_bytes) +
                                " of replies that wait. Each further address adds those"));
  command_line.add_option("--listen", endpoints,
                          "HOST:PORT, [::1]:PORT or unix:PATH; may be repeated; port 0: any");
  command_line.add_flag("--upper", upper, "Send it back in upper case");
  return samples::run_program(command_line, count, words, [&] { serve(endpoints, upper); });
}
