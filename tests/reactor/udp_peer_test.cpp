#include <doctest/doctest.h>

#include <chrono>
#include <list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reactor/timer.hpp"
#include "reactor/udp_server.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"
#include "support/udp_client.hpp"

using namespace reactor;
using namespace std::chrono_literals;

namespace {

// The addresses at which servers on all addresses receive requests.
struct Place {
  const char* server;
  const char* asked;
};
constexpr Place places[] = {
    {"0.0.0.0:0", "127.0.0.2:0"}, {"[::]:0", "[::1]:0"}, {"[::]:0", "127.0.0.3:0"}};

Address address_with_port(std::string_view host, std::uint16_t port) {
  Address result = address(host);
  result.set_port(port);
  return result;
}

struct Goodbye {
  explicit Goodbye(UdpPeer& of) : peer(&of) {}
  Goodbye(Goodbye&& other) noexcept : peer(std::exchange(other.peer, nullptr)) {}
  ~Goodbye() {
    if (peer) peer->send("goodbye");
  }
  void on_datagram(const Datagram& datagram) {
    if (datagram.text() == "end") peer->close();
  }

  UdpPeer* peer;
};

// Sends what each peer sends to all peers.
struct Chat {
  Chat(UdpPeer& of, std::list<UdpPeer*>& among) : peer(of), all(among) { all.push_back(&peer); }
  Chat(const Chat&) = delete;
  Chat& operator=(const Chat&) = delete;
  ~Chat() { all.remove(&peer); }
  void on_datagram(const Datagram& datagram) {
    for (UdpPeer* const each : all) each->send(datagram.bytes);
  }

  UdpPeer& peer;
  std::list<UdpPeer*>& all;
};

}  // namespace

TEST_SUITE("udp_peer") {
  TEST_CASE(
      "the datagrams of a session's destructor leave from the address that the peer sent to") {
    for (const Place& place : places) {
      for (const std::string how : {"idle", "close", "forgotten", "drain"}) {
        CAPTURE(place.asked);
        CAPTURE(how);
        Loop loop;
        UdpServerOptions options;
        options.max_sessions = 1;
        options.idle_timeout = how == "idle" ? 1ms : 1h;
        auto server = ok(UdpServer<Goodbye>::bind(loop, place.server, options));
        const Address at = address_with_port(place.asked, server.address().port());
        UdpClient client(loop, at), other(loop, at);
        client.socket.send(how == "close" ? "end" : "hello");
        if (how == "forgotten" || how == "drain") {
          run_until(loop, [&] { return server.sessions() == 1; });
          how == "drain" ? server.drain() : void(other.socket.send("hello"));
        }
        run_until(loop, [&] { return !client.answers.empty(); });
        CHECK(client.answers == std::vector<std::string>{"goodbye"});
      }
    }
  }

  TEST_CASE(
      "queued datagrams leave from the address that the peer sent to, even if the peer is "
      "forgotten") {
    for (const Place& place : places) {
      CAPTURE(place.asked);
      Loop loop;
      std::list<UdpPeer*> all;
      UdpServerOptions options;
      options.max_sessions = 3;
      auto server = ok(UdpServer<Chat>::bind(loop, place.server, options,
                                             [&](UdpPeer& peer) { return Chat(peer, all); }));
      const Address at = address_with_port(place.asked, server.address().port());
      std::list<UdpClient> clients;
      for (int i = 0; i < 4; ++i) clients.emplace_back(loop, at);
      // In one batch: the fourth client's session replaces the first's, to which much was sent.
      for (UdpClient& client : clients) client.socket.send("hello");
      run_until(loop, [&] { return clients.front().answers.size() == 3; });
      run_until(loop, [&] { return clients.back().answers.size() == 1; });
      CHECK(server.counters().failed == 0);
      CHECK(server.sessions() == 3);
    }
  }

  TEST_CASE("a peer that sends to two addresses gets the reply from the last one") {
    Loop loop;
    struct Echo {
      UdpPeer& peer;
      void on_datagram(const Datagram& datagram) { peer.send(datagram.bytes); }
    };
    auto server = ok(UdpServer<Echo>::bind(loop, "0.0.0.0:0"));
    auto client = ok(DatagramSocket::bind(loop, "127.0.0.1:0"));
    std::vector<std::string> senders;
    client.on_received([&](std::span<const Datagram> batch) {
      for (const Datagram& datagram : batch) senders.push_back(datagram.sender.host());
    });
    const std::vector<std::string> asked = {"127.0.0.2", "127.0.0.3", "127.0.0.2"};
    for (const std::string& host : asked) {
      client.send(address_with_port(host + ":0", server.address().port()), "x");
    }
    run_until(loop, [&] { return senders.size() == asked.size(); });
    CHECK(senders == asked);
    CHECK(server.sessions() == 1);
  }
}
