// Calls out to whoever is there: sends a message to a broadcast address or multicast group every so
// often, and prints who answers, and how soon.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>

#include "reactor/datagram.hpp"
#include "reactor/resolver.hpp"
#include "reactor/timer.hpp"
#include "support/interface.hpp"
#include "support/printable.hpp"
#include "support/program.hpp"

namespace {

using std::chrono::system_clock;

struct Options {
  std::string to = "255.255.255.255:19999";
  std::string interface;
  std::string message = "Who is there?";
  double interval_seconds = 1;
  std::optional<unsigned> count;
};

class Caller {
 public:
  Caller(reactor::Loop& loop, const Options& options)
      : options_(options), to_(samples::value_of(reactor::resolve_now(options.to)).front()) {
    reactor::Address from = samples::value_of(
        reactor::Address::parse(to_.family() == reactor::Family::ipv6 ? "[::]:0" : "0.0.0.0:0"));
    const bool to_group = to_.is_multicast();
    if (!options.interface.empty() && !to_group) {
      const auto interface = samples::broadcast_interface(options.interface);
      from = interface.address;
      const std::uint16_t port = to_.port();
      to_ = interface.broadcast;
      to_.set_port(port);
    }
    socket_ = samples::value_of(
        reactor::DatagramSocket::bind(loop, from, {.broadcast = true, .receive_times = true}));
    if (to_group) {
      const unsigned index = samples::interface_index(options.interface);
      samples::check(socket_->socket().set_multicast_interface(index != 0 ? index : to_.scope()));
    }
    socket_->on_received([this](std::span<const reactor::Datagram> batch) {
      for (const reactor::Datagram& reply : batch) print(reply);
    });
    socket_->on_error([](const reactor::Error& error) { report(error); });
    const std::chrono::nanoseconds interval(std::llround(options.interval_seconds * 1e9));
    next_ = reactor::Timer::every(loop, interval, [this, &loop] { send_or_end(loop); });
    send();
  }

  bool sent_nothing() const { return socket_->counters().sent == 0; }

 private:
  // The last message gets as much time for its replies as the others.
  void send_or_end(reactor::Loop& loop) {
    if (options_.count && messages_ == *options_.count) return loop.stop();
    send();
  }

  void send() {
    ++messages_;
    sent_at_ = system_clock::now();
    socket_->send(to_, options_.message);
  }

  void print(const reactor::Datagram& reply) const {
    const std::chrono::duration<double, std::milli> passed = reply.arrival->time - sent_at_;
    std::printf("reply from %s: %s (%.3f ms)\n", reply.sender.to_string().c_str(),
                samples::escaped(reply.text()).c_str(), passed.count());
    std::fflush(stdout);
  }

  static void report(reactor::Error error) {
    if (error.code == std::errc::network_unreachable) error.hint = "name one with --interface";
    std::fprintf(stderr, "error: %s\n", error.message().c_str());
  }

  const Options& options_;
  reactor::Address to_;
  std::optional<reactor::DatagramSocket> socket_;
  std::optional<reactor::Timer> next_;
  unsigned messages_ = 0;
  std::chrono::sys_time<std::chrono::nanoseconds> sent_at_;
};

int call(const Options& options) {
  reactor::Loop loop;
  const auto signals = samples::stop_on_signals(loop, [&loop] { loop.stop(); });
  const Caller caller(loop, options);
  loop.run();
  return caller.sent_nothing() ? 1 : 0;
}

}  // namespace

int main(int count, char** words) {
  Options options;
  int status = 0;
  CLI::App command_line{
      "Sends a message to everybody, and prints each reply with its sender and the time since the\n"
      "message. Example: broadcast_sender --interface eth0 --count 3"};
  command_line.option_defaults()->always_capture_default();
  command_line.add_option("--to", options.to,
                          "A broadcast address or multicast group, and its port");
  command_line.add_option("--interface", options.interface,
                          "To this interface's broadcast address, or the group on it");
  command_line.add_option("--message", options.message, "What to send");
  command_line.add_option("--interval", options.interval_seconds, "Seconds between two messages")
      ->check(CLI::Range(0.1, 1e6));
  command_line.add_option("--count", options.count, "Messages to send [without end]")
      ->check(CLI::Range(1U, 4'000'000'000U));
  const int parsed =
      samples::run_program(command_line, count, words, [&] { status = call(options); });
  return parsed != 0 ? parsed : status;
}
