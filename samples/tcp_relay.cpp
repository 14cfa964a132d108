// Forwards connections to another server, in both directions, as fast as the slower side reads.
#include <chrono>
#include <cstdio>
#include <list>
#include <optional>
#include <string>

#include "reactor/listener.hpp"
#include "reactor/relay.hpp"
#include "reactor/resolver.hpp"
#include "reactor/timer.hpp"
#include "samples/support/program.hpp"

namespace {

using reactor::Address;
using reactor::Error;
using reactor::Stream;

class RelayServer {
 public:
  RelayServer(reactor::Loop& loop, const Address& from, const Address& to) : loop_(loop), to_(to) {
    listener_ = samples::value_of(
        reactor::Listener::listen(loop, from, [this](reactor::Socket socket, const Address& peer) {
          forward(Stream(loop_, std::move(socket), peer));
        }));
    listener_->on_error([](const Error& error) { report(error); });
  }

  [[nodiscard]] const Address& address() const { return listener_->address(); }

  // What is under way may finish.
  void stop() {
    listener_.reset();
    if (relays_.empty()) return;
    cut_off_ = reactor::Timer::after(loop_, std::chrono::seconds(5), [this] { relays_.clear(); });
  }

 private:
  void forward(Stream client) {
    auto upstream = Stream::connect(loop_, to_);
    if (!upstream) return report(upstream.error());
    const auto place = relays_.emplace(relays_.end());
    place->emplace(std::move(client), std::move(*upstream), [this, place](const Error& error) {
      if (error) report(error);
      relays_.erase(place);
      if (relays_.empty()) cut_off_.reset();
    });
  }

  static void report(const Error& error) { std::fprintf(stderr, "%s\n", error.message().c_str()); }

  reactor::Loop& loop_;
  const Address to_;
  std::optional<reactor::Listener> listener_;
  std::list<std::optional<reactor::Relay>> relays_;
  std::optional<reactor::Timer> cut_off_;
};

}  // namespace

int main(int count, char** words) {
  std::string from = "127.0.0.1:9000";
  std::string to;
  CLI::App command_line{
      "Forwards each connection to another server.\n"
      "Example: tcp_relay --listen 127.0.0.1:9000 --to 127.0.0.1:8080"};
  command_line.option_defaults()->always_capture_default();
  command_line.add_option("--listen", from, "HOST:PORT, [::1]:PORT or unix:PATH; port 0: any");
  command_line.add_option("--to", to, "HOST:PORT, [::1]:PORT or unix:PATH to forward to")
      ->required();
  return samples::run_program(command_line, count, words, [&] {
    reactor::Loop loop;
    RelayServer server(loop, samples::value_of(reactor::resolve_now(from)).front(),
                       samples::value_of(reactor::resolve_now(to)).front());
    const samples::StopSignals signals(loop, [&] { server.stop(); });
    samples::announce(server.address());
    loop.run();
  });
}
