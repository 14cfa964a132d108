#include "samples/broadcast_sender/caller.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <list>
#include <optional>
#include <span>
#include <vector>

#include "reactor/datagram.hpp"
#include "reactor/resolver.hpp"
#include "reactor/stop_signals.hpp"
#include "reactor/timer.hpp"
#include "samples/support/interface.hpp"
#include "samples/support/printable.hpp"
#include "samples/support/program.hpp"

namespace broadcast_sender {
namespace {

using std::chrono::system_clock;

// A reply does not contain what it replies to. Each message therefore leaves from a port of its
// own, as traceroute's probes do: the port at which a reply arrives identifies the message.
struct Message {
  reactor::DatagramSocket socket;
  std::chrono::sys_time<std::chrono::nanoseconds> sent_at;
};

// Replies to older messages are not received any more.
constexpr std::size_t most_messages = 16;

class Caller {
 public:
  Caller(reactor::Loop& loop, const Options& options)
      : loop_(loop),
        options_(options),
        addresses_(samples::value_of(reactor::resolve_now(options.to))) {
    use(addresses_[0]);
    const std::chrono::nanoseconds interval(std::llround(options.interval_seconds * 1e9));
    next_ = reactor::Timer::every(loop, interval, [this] { send_or_end(); });
    send();
  }

  bool sent_nothing() const {
    const auto sent = [](const Message& message) { return message.socket.counters().sent > 0; };
    return !forgot_sent_ && std::none_of(messages_.begin(), messages_.end(), sent);
  }

 private:
  void use(const reactor::Address& to) {
    to_ = to;
    from_ = samples::value_of(
        reactor::Address::parse(to_.family() == reactor::Family::ipv6 ? "[::]:0" : "0.0.0.0:0"));
    if (options_.interface.empty() || to_.is_multicast()) return;
    const auto interface = samples::broadcast_interface(options_.interface);
    from_ = interface.address;
    to_ = interface.broadcast;
    to_.set_port(to.port());
  }

  // Stops an interval after the last message, so that its replies have time to arrive.
  void send_or_end() {
    if (options_.count && count_ == *options_.count) return loop_.stop();
    send();
  }

  void send() {
    ++count_;
    if (messages_.size() == most_messages) {
      forgot_sent_ = forgot_sent_ || messages_.front().socket.counters().sent > 0;
      messages_.pop_front();
    }
    send(messages_.emplace_back(Message{open(), {}}));
  }

  void send(Message& message) {
    message.socket.on_received([&message](std::span<const reactor::Datagram> batch) {
      for (const reactor::Datagram& reply : batch) print(reply, message);
    });
    message.socket.on_error(
        [this, &message](const reactor::Error& error) { try_next(message, error); });
    message.sent_at = system_clock::now();
    message.socket.send(to_, options_.message);
  }

  // Used when nothing can be sent to the first address of a name.
  void try_next(Message& message, const reactor::Error& error) {
    if (!sent_nothing() || tried_ == addresses_.size()) return report(error);
    use(addresses_[tried_++]);
    message.socket = open();
    send(message);
  }

  reactor::DatagramSocket open() const {
    auto socket = samples::value_of(
        reactor::DatagramSocket::bind(loop_, from_, {.broadcast = true, .receive_times = true}));
    if (to_.is_multicast()) {
      const unsigned index = samples::interface_index(options_.interface);
      samples::check(socket.socket().set_multicast_interface(index != 0 ? index : to_.scope()));
    }
    return socket;
  }

  static void print(const reactor::Datagram& reply, const Message& message) {
    const std::chrono::duration<double, std::milli> passed =
        reply.packet_info->time - message.sent_at;
    std::printf("reply from %s: %s (%.3f ms)\n", reply.sender.to_string().c_str(),
                samples::escaped(reply.text()).c_str(), passed.count());
    std::fflush(stdout);
  }

  static void report(reactor::Error error) {
    if (error.code == std::errc::network_unreachable) error.hint = "name one with --interface";
    std::fprintf(stderr, "error: %s\n", error.message().c_str());
  }

  reactor::Loop& loop_;
  const Options& options_;
  const std::vector<reactor::Address> addresses_;
  std::size_t tried_ = 1;
  reactor::Address to_;
  reactor::Address from_;
  std::optional<reactor::Timer> next_;
  unsigned count_ = 0;
  std::list<Message> messages_;
  bool forgot_sent_ = false;  // Whether a message that is no longer in messages_ was sent.
};

}  // namespace

int call(const Options& options) {
  reactor::Loop loop;
  const auto stop = samples::value_of(reactor::StopSignals::create(loop, [&loop] { loop.stop(); }));
  const Caller caller(loop, options);
  loop.run();
  return caller.sent_nothing() ? 1 : 0;
}

}  // namespace broadcast_sender
