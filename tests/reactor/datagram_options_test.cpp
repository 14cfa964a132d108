#include <doctest/doctest.h>
#include <net/if.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reactor/datagram.hpp"
#include "support/inbox.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"

using namespace reactor;
using namespace std::chrono_literals;
using Batch = std::span<const Datagram>;

namespace {

constexpr SocketOption<bool> received_ttl{"received_ttl", IPPROTO_IP, IP_RECVTTL, IPPROTO_IPV6,
                                          IPV6_RECVHOPLIMIT};

/// The TTL or hop limit of each datagram received so far.
std::vector<int> next_ttls(const Socket& socket) {
  std::vector<int> ttls;
  for (;;) {
    char byte = 0;
    iovec part{&byte, 1};
    alignas(cmsghdr) char control[64];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    if (recvmsg(socket.fd(), &message, 0) < 0) return ttls;
    int ttl = 0;
    if (const cmsghdr* const first = CMSG_FIRSTHDR(&message)) {
      std::memcpy(&ttl, CMSG_DATA(first), sizeof ttl);
    }
    ttls.push_back(ttl);
  }
}

/// An ICMP echo request (RFC 792, RFC 4443), in sequence 1.
std::string echo_request(Family family, std::uint16_t identifier, std::string_view text) {
  std::string packet{family == Family::ipv4 ? '\x08' : '\x80', 0, 0, 0, 0, 0, 0, 1};
  packet[4] = static_cast<char>(identifier >> 8);
  packet[5] = static_cast<char>(identifier & 0xff);
  packet += text;
  if (family == Family::ipv6) return packet;
  // RFC 1071; an odd byte counts as the upper half of a word.
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < packet.size(); ++i) {
    const std::uint32_t byte = static_cast<unsigned char>(packet[i]);
    sum += i % 2 == 0 ? byte << 8 : byte;
  }
  sum = (sum & 0xffff) + (sum >> 16);
  sum += sum >> 16;
  packet[2] = static_cast<char>(~sum >> 8 & 0xff);
  packet[3] = static_cast<char>(~sum & 0xff);
  return packet;
}

bool is_echo_reply(std::string_view packet, std::uint16_t identifier) {
  return packet.size() >= 8 && (packet[0] == 0 || packet[0] == '\x81') &&
         packet[4] == static_cast<char>(identifier >> 8) &&
         packet[5] == static_cast<char>(identifier & 0xff);
}

}  // namespace

TEST_SUITE("datagram") {
  TEST_CASE("a socket bound to any address replies from the address that the request was sent to") {
    Loop loop;
    const struct {
      const char* server;
      const char* wanted;
      const char* destination;
    } cases[] = {{"0.0.0.0:0", "127.0.0.2:0", "127.0.0.2"},
                 {"[::]:0", "[::1]:0", "::1"},
                 {"[::]:0", "127.0.0.3:0", "::ffff:127.0.0.3"}};
    for (const auto& expected : cases) {
      DatagramSocket server = ok(DatagramSocket::bind(loop, expected.server));
      std::string seen;
      unsigned interface_index = 0;
      server.on_received([&](Batch batch) {
        for (const Datagram& datagram : batch) {
          REQUIRE(datagram.packet_info);
          seen = datagram.packet_info->destination.host();
          interface_index = datagram.packet_info->interface_index;
          CHECK(datagram.packet_info->destination.port() == server.address().port());
          server.reply(datagram, datagram.bytes);
        }
      });
      Address to = address(expected.wanted);
      to.set_port(server.address().port());
      // A connected socket receives only from the address that it is connected to.
      Inbox client(ok(DatagramSocket::connect(loop, to)));
      client.socket.send("from whom?");
      run_until(loop, [&] { return !client.messages.empty(); });
      CHECK(seen == expected.destination);
      CHECK(interface_index == if_nametoindex("lo"));
    }
  }

  TEST_CASE("send() and reply() use no argument after they return") {
    const struct {
      const char* server;
      const char* wanted;
      const char* other;
    } cases[] = {{"0.0.0.0:0", "127.0.0.2:0", "127.0.0.9:0"},
                 {"[::]:0", "[::1]:0", "[2001:db8::9]:0"},
                 {"[::]:0", "127.0.0.3:0", "[::ffff:127.0.0.9]:0"}};
    for (const auto& place : cases) {
      for (const bool in_callback : {true, false}) {
        CAPTURE(place.wanted);
        CAPTURE(in_callback);
        Loop loop;
        DatagramSocket server = ok(DatagramSocket::bind(loop, place.server));
        std::optional<Address> sender;
        std::optional<PacketInfo> packet_info;
        server.on_received([&](Batch batch) {
          sender = batch[0].sender;
          packet_info = *batch[0].packet_info;
        });
        Address to = address(place.wanted);
        to.set_port(server.address().port());
        // A connected socket receives only from the address that it is connected to.
        Inbox client(ok(DatagramSocket::connect(loop, to)));
        client.socket.send("x");
        run_until(loop, [&] { return packet_info.has_value(); });
        const auto answer = [&] {
          for (const char* const text : {"one", "two", "three"}) {
            auto bytes = std::make_unique<std::string>(text);
            auto copy = std::make_unique<std::pair<Address, PacketInfo>>(*sender, *packet_info);
            const Datagram wanted{.bytes = {},
                                  .sender = copy->first,
                                  .packet_info = &copy->second,
                                  .truncated = false};
            CHECK(server.reply(wanted, *bytes) == WriteStatus::sent);
            *bytes = "overwritten";
            copy->first = address("127.0.0.1:1");
            copy->second.local = address(place.other);
          }
        };
        if (in_callback) {
          loop.post(answer);
        } else {
          answer();
        }
        run_until(loop, [&] { return client.messages.size() == 3; });
        CHECK(client.texts() == std::vector<std::string>{"one", "two", "three"});
      }
    }
  }

  TEST_CASE("each datagram is sent with the options that were set when send() was called") {
    for (const char* host : {"127.0.0.1:0", "[::1]:0"}) {
      for (const bool in_callback : {true, false}) {
        for (const bool keeps_reference : {true, false}) {
          CAPTURE(host);
          CAPTURE(in_callback);
          CAPTURE(keeps_reference);
          Loop loop;
          Socket receiver = ok(Socket::open(address(host).family(), SocketType::datagram));
          ok(receiver.bind(address(host)));
          ok(receiver.set(received_ttl, true));
          const Address to = ok(receiver.local_address());
          Address everybody = address("127.255.255.255:0");
          everybody.set_port(to.port());
          const bool broadcasts = to.family() == Family::ipv4;

          Inbox sender(loop, address(host));
          Socket& kept = sender.socket.socket();
          const auto socket = [&]() -> Socket& {
            return keeps_reference ? kept : sender.socket.socket();
          };
          bool done = false;
          const auto send = [&] {
            for (const int ttl : {7, 8, 9}) {
              ok(socket().set(option::ttl, ttl));
              sender.socket.send(to, "x");
              sender.socket.send(to, "x");
              if (!broadcasts) continue;
              ok(socket().set(option::broadcast, ttl != 8));
              sender.socket.send(everybody, "x");
            }
            done = true;
          };
          if (in_callback) {
            loop.post(send);
          } else {
            send();
          }
          run_until(loop, [&] { return done; });
          CHECK(next_ttls(receiver) == std::vector{7, 7, 8, 8, 9, 9});
          CHECK(sender.socket.counters().sent == (broadcasts ? 8 : 6));
          CHECK(sender.socket.counters().failed == (broadcasts ? 1 : 0));
        }
      }
    }
  }

  TEST_CASE("each datagram is sent to the peer that the socket had when send() was called") {
    Loop loop;
    for (const char* host : {"127.0.0.1:0", "[::1]:0"}) {
      Inbox first(loop, address(host)), second(loop, address(host));
      DatagramSocket sender = ok(DatagramSocket::bind(loop, address(host)));
      Socket& socket = sender.socket();  // Kept: a call of socket() sends the gathered datagrams.
      loop.post([&] {
        for (Inbox* const to : {&first, &second, &first}) {
          ok(socket.connect(to->socket.address()));
          sender.send("one");
          sender.send("two");
        }
        const sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
        CHECK(connect(sender.socket().fd(), &nobody, sizeof nobody) == 0);
        sender.send(second.socket.address(), "three");
      });
      run_until(loop, [&] { return first.messages.size() == 4 && second.messages.size() == 3; });
      CHECK(first.texts() == std::vector<std::string>{"one", "two", "one", "two"});
      CHECK(second.texts() == std::vector<std::string>{"one", "two", "three"});
      CHECK(sender.counters().failed == 0);
    }
  }

  TEST_CASE("the kernel's receive time is reported if the option is set") {
    Loop loop;
    for (const Address& at : {address("127.0.0.1:0"), address("[::1]:0"), abstract_name()}) {
      DatagramOptions options;
      options.receive_times = true;
      DatagramSocket server = ok(DatagramSocket::bind(loop, at, options));
      std::optional<std::chrono::sys_time<std::chrono::nanoseconds>> received;
      server.on_received([&](Batch batch) { received = batch[0].packet_info->time; });
      DatagramSocket client = ok(DatagramSocket::connect(loop, server.address()));
      const auto before = std::chrono::system_clock::now();
      client.send("now");
      const auto after = std::chrono::system_clock::now();
      run_until(loop, [&] { return received.has_value(); });
      CHECK(*received >= before - 1ms);
      CHECK(*received <= after + 1ms);
    }
  }

  TEST_CASE("packet_info is null unless an option requests it") {
    Loop loop;
    DatagramSocket server = ok(DatagramSocket::bind(loop, "127.0.0.1:0"));
    bool seen = false;
    server.on_received([&](Batch batch) {
      CHECK(batch[0].packet_info == nullptr);
      seen = true;
    });
    ok(DatagramSocket::connect(loop, server.address())).send("x");
    run_until(loop, [&] { return seen; });
  }

  TEST_CASE("the error of a send to a broadcast address without the option names the option") {
    Loop loop;
    Inbox socket(loop, address("0.0.0.0:0"));
    socket.socket.send(address("127.255.255.255:9"), "all");
    run_until(loop, [&] { return !socket.errors.empty(); });
    CHECK(socket.errors[0] ==
          "send 127.255.255.255:9: permission denied (a broadcast address needs the broadcast "
          "option)");
  }

  // IPv6 has no route for groups on loopback: tests/samples/network_test.py uses namespaces.
  TEST_CASE("broadcast and multicast reach every socket that shares the port") {
    Loop loop;
    const unsigned loopback = if_nametoindex("lo");
    for (Address group : {address("127.255.255.255:0"), address("239.1.2.3:0")}) {
      CAPTURE(group.host());
      DatagramOptions options;
      options.reuse_address = options.broadcast = true;
      Inbox first(loop, address("0.0.0.0:0"), options);
      Inbox second(loop, first.socket.address(), options);
      group.set_port(first.socket.address().port());
      for (Inbox* inbox : {&first, &second}) {
        if (group.is_multicast()) ok(inbox->socket.socket().join(group, loopback));
      }
      DatagramSocket sender = ok(DatagramSocket::bind(loop, "127.0.0.1:0", options));
      if (group.is_multicast()) ok(sender.socket().set_multicast_interface(loopback));
      CHECK(sender.send(group, "to all") == WriteStatus::sent);
      run_until(loop, [&] { return !first.messages.empty() && !second.messages.empty(); });
      CHECK(first.texts() == std::vector<std::string>{"to all"});
      CHECK(second.texts() == std::vector<std::string>{"to all"});
    }
  }

  TEST_CASE("the reply to a broadcast has a source address that can receive replies") {
    Loop loop;
    DatagramSocket server = ok(DatagramSocket::bind(loop, "0.0.0.0:0"));
    echo(server);
    DatagramOptions options;
    options.broadcast = true;
    Inbox client(loop, address("127.0.0.1:0"), options);
    Address everybody = address("127.255.255.255:0");
    everybody.set_port(server.address().port());
    client.socket.send(everybody, "who is there?");
    run_until(loop, [&] { return !client.messages.empty(); });
    CHECK(client.messages[0].sender.host() == "127.0.0.1");
    CHECK(server.counters().failed == 0);
  }

  TEST_CASE("a raw socket sends ICMP, and receives whole packets") {
    Loop loop;
    for (const char* host : {"127.0.0.1:7", "[::1]:7"}) {
      CAPTURE(host);
      const Address to = address(host);
      auto raw = Socket::open(to.family(), SocketType::raw);
      if (!raw) {
        CHECK(raw.error().message() ==
              "open socket: operation not permitted (a raw socket needs CAP_NET_RAW)");
        MESSAGE("skipped: " << raw.error().message());
        return;
      }
      Inbox inbox(ok(DatagramSocket::adopt(loop, std::move(*raw))));
      CHECK(inbox.socket.address().port() == 0);
      const auto sent = numbered(5, 8);
      std::vector<std::string> requests;
      for (const std::string& text : sent) requests.push_back(echo_request(to.family(), 77, text));
      loop.post([&] {
        for (const std::string& request : requests) {
          CHECK(inbox.socket.send(to, request) == WriteStatus::sent);
        }
      });
      // The requests arrive too, because the receiver is this host.
      const auto replies = [&] {
        std::vector<std::string> texts;
        for (const auto& message : inbox.messages) {
          std::string_view packet = message.text;
          if (to.family() == Family::ipv4) {
            REQUIRE(packet.size() > 20);
            REQUIRE(packet[9] == IPPROTO_ICMP);
            packet.remove_prefix(static_cast<std::size_t>(packet[0] & 0xf) * 4);
          }
          if (!is_echo_reply(packet, 77)) continue;
          CHECK(message.sender.host() == to.host());
          CHECK(message.sender.port() == 0);
          texts.emplace_back(packet.substr(8));
        }
        return texts;
      };
      run_until(loop, [&] { return replies().size() == sent.size(); });
      CHECK(replies() == sent);
      CHECK(inbox.socket.counters().sent == sent.size());
      CHECK(inbox.errors.empty());
    }
  }

  TEST_CASE("a ping socket sends echo requests and receives the replies to them") {
    Loop loop;
    for (const char* host : {"127.0.0.1:0", "[::1]:0"}) {
      CAPTURE(host);
      const Address to = address(host);
      const int protocol = to.family() == Family::ipv4 ? +IPPROTO_ICMP : +IPPROTO_ICMPV6;
      auto ping = Socket::open(to.family(), SocketType::datagram, protocol);
      if (!ping) {
        CHECK(ping.error().message() ==
              "open socket: permission denied (net.ipv4.ping_group_range names no group of this "
              "process)");
        MESSAGE("skipped: " << ping.error().message());
        return;
      }
      ok(ping->bind(to));
      Inbox inbox(ok(DatagramSocket::adopt(loop, std::move(*ping))));
      const auto sent = numbered(5, 8);
      loop.post([&] {
        for (const std::string& text : sent) {
          inbox.socket.send(to, echo_request(to.family(), 0, text));
        }
      });
      run_until(loop, [&] { return inbox.messages.size() == sent.size(); });
      for (std::size_t i = 0; i < sent.size(); ++i) {
        CHECK(is_echo_reply(inbox.messages[i].text, inbox.socket.address().port()));
        CHECK(inbox.messages[i].text.substr(8) == sent[i]);
      }
    }
  }
}
