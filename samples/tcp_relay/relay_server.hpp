// Connections to one server, each forwarded to another.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reactor/listener.hpp"
#include "reactor/relay.hpp"
#include "reactor/server.hpp"
#include "reactor/timer.hpp"
#include "samples/support/failed.hpp"
#include "samples/support/tls.hpp"

namespace tcp_relay {

using namespace std::chrono_literals;
using reactor::Address;
using reactor::Error;
using reactor::Stream;

// Each connection uses two sockets.
inline std::size_t most_connections() {
  return reactor::ServerOptions{.descriptors_each = 2}.connection_limit();
}

// A side is not read while more than the high-water mark waits for the other side. The bytes of one
// read may be added to that.
inline std::uint64_t most_bytes() {
  const reactor::StreamLimits limits;
  constexpr std::uint64_t for_callbacks = 4096;
  const std::uint64_t each = 2 * (limits.high_water_bytes + limits.read_bytes) + for_callbacks;
  return most_connections() * each + limits.read_bytes;
}

// What each side of the relay speaks.
struct Tls {
  std::optional<reactor::TlsContext> of_clients = {};
  samples::ClientTls to_server = {};
  std::string server_endpoint = {};
};

class RelayServer {
 public:
  RelayServer(reactor::Loop& loop, const std::string& from, std::vector<Address> to,
              reactor::Duration idle_timeout, Tls tls)
      : loop_(loop), to_(std::move(to)), idle_timeout_(idle_timeout), tls_(std::move(tls)) {
    listener_ = samples::value_of(reactor::Listener::listen(
        loop, from, {}, [this](reactor::Socket socket, const Address& peer) {
          forward(Stream(loop_, std::move(socket), peer));
        }));
    listener_->on_error([](const Error& error) { report(error); });
  }

  [[nodiscard]] const Address& address() const { return listener_->address(); }

  // Existing connections may finish.
  void stop() {
    listener_.reset();
    if (!is_empty()) cut_off_ = reactor::Timer::after(loop_, 5s, [this] { cut_off(); });
  }

 private:
  // A client, and its connection to the server while that is made.
  struct Waiting {
    Stream client;
    std::size_t tried = 0;  // The number of the server's addresses tried.
    std::optional<Stream> upstream = {};
  };
  using Place = std::list<Waiting>::iterator;

  void forward(Stream client) {
    if (tls_.of_clients) client.secure(*tls_.of_clients);
    const Place place = waiting_.insert(waiting_.end(), Waiting{std::move(client)});
    place->client.on_close([this, place](const Error&) {
      waiting_.erase(place);
      end_if_empty();
    });
    if (waiting_.size() + relays_.size() >= most_connections_ && listener_) listener_->pause();
    connect(place, {});
  }

  // Connects to the next of the addresses; `last` is the error of the one before.
  void connect(Place place, Error last) {
    while (place->tried < to_.size()) {
      const Address& address = to_[place->tried++];
      auto upstream = Stream::connect(loop_, address, place->tried < to_.size() ? 5s : 30s);
      if (!upstream) {
        last = upstream.error();
        continue;
      }
      tls_.to_server.secure(*upstream, tls_.server_endpoint);
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
  const Tls tls_;
  const std::size_t most_connections_ = most_connections();
  std::optional<reactor::Listener> listener_;
  std::list<Waiting> waiting_;
  std::list<std::optional<reactor::Relay>> relays_;
  std::optional<reactor::Timer> cut_off_;
};

}  // namespace tcp_relay
