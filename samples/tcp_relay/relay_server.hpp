// Forwards connections to another server, in both directions, as fast as the slower side reads.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reactor/listener.hpp"
#include "reactor/relay.hpp"
#include "reactor/resolver.hpp"
#include "reactor/server.hpp"
#include "reactor/stop_signals.hpp"
#include "reactor/timer.hpp"
#include "samples/support/memory.hpp"
#include "samples/support/program.hpp"

namespace {

using namespace std::chrono_literals;
using reactor::Address;
using reactor::Error;
using reactor::Stream;

// For each connection there are two sockets.
std::size_t most_connections() {
  return reactor::ServerOptions{.descriptors_each = 2}.connection_limit();
}

// A side is not read while more than the high-water mark waits for the other: what one read brings
// may come on top of it.
std::uint64_t most_bytes() {
  const reactor::StreamLimits limits;
  constexpr std::uint64_t for_callbacks = 4096;
  const std::uint64_t each = 2 * (limits.high_water_bytes + limits.read_bytes) + for_callbacks;
  return most_connections() * each + limits.read_bytes;
}

class RelayServer {
 public:
  RelayServer(reactor::Loop& loop, const std::string& from, std::vector<Address> to,
              reactor::Duration idle_timeout)
      : loop_(loop), to_(std::move(to)), idle_timeout_(idle_timeout) {
    listener_ = samples::value_of(reactor::Listener::listen(
        loop, from, {}, [this](reactor::Socket socket, const Address& peer) {
          forward(Stream(loop_, std::move(socket), peer));
        }));
    listener_->on_error([](const Error& error) { report(error); });
  }

  [[nodiscard]] const Address& address() const { return listener_->address(); }

  // Connections that exist may finish.
  void stop() {
    listener_.reset();
    if (!is_empty()) cut_off_ = reactor::Timer::after(loop_, 5s, [this] { cut_off(); });
  }

 private:
  // A client, and the connection to the server that is made for it.
  struct Waiting {
    Stream client;
    std::size_t tried = 0;  // Of the server's addresses.
    std::optional<Stream> upstream = {};
  };
  using Place = std::list<Waiting>::iterator;

  void forward(Stream client) {
    const Place place = waiting_.insert(waiting_.end(), Waiting{std::move(client)});
    place->client.on_close([this, place](const Error&) {
      waiting_.erase(place);
      end_if_empty();
    });
    if (waiting_.size() + relays_.size() >= most_connections_ && listener_) listener_->pause();
    connect(place, {});
  }

  // To the next of the addresses; `last` is what the one before said.
  void connect(Place place, Error last) {
    while (place->tried < to_.size()) {
      const Address& address = to_[place->tried++];
      auto upstream = Stream::connect(loop_, address, place->tried < to_.size() ? 5s : 30s);
      if (!upstream) {
        last = upstream.error();
        continue;
      }
      upstream->on_connect([this, place] { relay(place); });
      upstream->on_close([this, place](const Error& error) { connect(place, error); });
      place->upstream = std::move(*upstream);
      return;
    }
    report(last);
    place->upstream.reset();
    place->client.close();
  }

  void relay(Place connected) {
    Stream client = std::move(connected->client), upstream = std::move(*connected->upstream);
    waiting_.erase(connected);
    const auto place = relays_.emplace(relays_.end());
    place->emplace(std::move(client), std::move(upstream), [this, place](const Error& error) {
      if (error) report(error);
      relays_.erase(place);
      end_if_empty();
    });
    (*place)->set_idle_timeout(loop_, idle_timeout_);
  }

  [[nodiscard]] bool is_empty() const { return waiting_.empty() && relays_.empty(); }

  void end_if_empty() {
    if (waiting_.size() + relays_.size() + 1 == most_connections_ && listener_) listener_->resume();
    if (is_empty()) cut_off_.reset();
  }

  void cut_off() {
    waiting_.clear();
    relays_.clear();
  }

  static void report(const Error& error) { std::fprintf(stderr, "%s\n", error.message().c_str()); }

  reactor::Loop& loop_;
  const std::vector<Address> to_;
  const reactor::Duration idle_timeout_;
  const std::size_t most_connections_ = most_connections();
  std::optional<reactor::Listener> listener_;
  std::list<Waiting> waiting_;
  std::list<std::optional<reactor::Relay>> relays_;
  std::optional<reactor::Timer> cut_off_;
};

}  // namespace

int main(int count, char** words) {
  std::string from = "127.0.0.1:9000";
  std::string to;
  double idle_seconds = 600;
  samples::CommandLine command_line{
      "Forwards each connection to another server.\n"
      "Example: tcp_relay --listen 127.0.0.1:9000 --to 127.0.0.1:8080"};
  command_line.footer(samples::memory_text(
      most_bytes(), std::to_string(most_connections()) +
                        " connections, each with 768 KiB that waits in either direction"));
  command_line.add_option("--listen", from, "HOST:PORT, [::1]:PORT or unix:PATH; port 0: any");
  command_line.add_option("--to", to, "HOST:PORT, [::1]:PORT or unix:PATH to forward to")
      .required();
  command_line
      .add_option("--idle-timeout", idle_seconds,
                  "Seconds without a byte in either direction after which both sides are reset; "
                  "0: never")
      .within(0.0, 1e9);
  return samples::run_program(command_line, count, words, [&] {
    reactor::Loop loop;
    RelayServer server(loop, from, samples::value_of(reactor::resolve_now(to)),
                       std::chrono::milliseconds(std::llround(idle_seconds * 1000)));
    const auto stop = samples::value_of(reactor::StopSignals::create(loop, [&] { server.stop(); }));
    samples::announce(server.address());
    loop.run();
  });
}
