// The constructor of a session may use its stream.
#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reactor/server.hpp"
#include "reactor/udp_server.hpp"
#include "support/peer.hpp"
#include "support/run_until.hpp"

using reactor::Error;
using reactor::Loop;
using reactor::Server;
using reactor::Stream;

namespace {

class Visitor;
using Visitors = std::vector<Visitor*>;

// Writes a banner and registers a pointer to itself in its constructor. It cannot be moved.
class Visitor {
 public:
  Visitor(Stream& stream, Visitors& visitors) : stream_(stream), visitors_(visitors) {
    stream_.write("welcome\n");
    visitors_.push_back(this);
  }
  Visitor(const Visitor&) = delete;
  Visitor& operator=(const Visitor&) = delete;
  ~Visitor() { std::erase(visitors_, this); }

  void on_data(std::span<const std::byte> bytes) {
    for (Visitor* visitor : visitors_) visitor->stream_.write(bytes);
  }

 private:
  Stream& stream_;
  Visitors& visitors_;
};

struct ClosesAtOnce {
  ClosesAtOnce(Stream& stream, std::string& told) : told_(told) {
    stream.write("full\n");
    stream.close();
  }
  void on_data(std::span<const std::byte>) { told_ += "data "; }
  void on_close(const Error& error) { told_ += error ? "error" : "closed"; }

 private:
  std::string& told_;
};

class Member;
using Members = std::vector<Member*>;

class Member {
 public:
  Member(reactor::UdpPeer& peer, Members& members) : peer_(peer), members_(members) {
    peer_.send("welcome");
    members_.push_back(this);
  }
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;
  ~Member() { std::erase(members_, this); }

  void on_datagram(const reactor::Datagram& datagram) {
    for (Member* member : members_) member->peer_.send(datagram.bytes);
    peer_.close();
  }

 private:
  reactor::UdpPeer& peer_;
  Members& members_;
};

}  // namespace

TEST_SUITE("session_construction") {
  TEST_CASE("an immovable session writes a banner and registers itself in its constructor") {
    Loop loop;
    Visitors visitors;
    auto server =
        Server<Visitor>::listen(loop, any_address(Transport::tcp4), {},
                                [&](Stream& stream) { return Visitor(stream, visitors); });
    REQUIRE(server);
    Peer ann(loop, connect_to(server->address())), bob(loop, connect_to(server->address()));
    run_until(loop, [&] { return visitors.size() == 2; });
    ann.send("hello");
    const auto received = [](const Peer& peer) { return peer.received() == "welcome\nhello"; };
    run_until(loop, [&] { return received(ann) && received(bob); });
    ann.close();
    run_until(loop, [&] { return visitors.size() == 1; });
    server->for_each([&](Visitor& visitor) { CHECK(&visitor == visitors.front()); });
  }

  TEST_CASE(
      "a session that closes its stream in its constructor loses nothing, and on_close is called") {
    Loop loop;
    std::string told;
    auto server =
        Server<ClosesAtOnce>::listen(loop, any_address(Transport::tcp4), {},
                                     [&](Stream& stream) { return ClosesAtOnce(stream, told); });
    REQUIRE(server);
    Peer client(loop, connect_to(server->address()));
    client.send("ignored");
    run_until(loop, [&] { return client.ended(); });
    CHECK(client.received() == "full\n");
    client.close();
    run_until(loop, [&] { return !told.empty(); });
    CHECK(told == "closed");
  }

  TEST_CASE("an immovable UDP session sends and registers itself in its constructor") {
    Loop loop;
    Members members;
    auto server = reactor::UdpServer<Member>::bind(
        loop, any_address(Transport::tcp4), {},
        [&](reactor::UdpPeer& peer) { return Member(peer, members); });
    REQUIRE(server);
    std::vector<std::string> received;
    auto client = reactor::DatagramSocket::bind(loop, any_address(Transport::tcp4));
    REQUIRE(client);
    client->on_received([&](std::span<const reactor::Datagram> batch) {
      for (const reactor::Datagram& datagram : batch) received.emplace_back(datagram.text());
    });
    client->send(server->address(), "hello");
    run_until(loop, [&] { return received.size() == 2 && members.empty(); });
    CHECK(received == std::vector<std::string>{"welcome", "hello"});
  }
}
