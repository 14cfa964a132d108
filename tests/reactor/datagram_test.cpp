#include "reactor/datagram.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <net/if.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/patience.hpp"
#include "support/positions.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"

using namespace reactor;
using namespace std::chrono_literals;
using Batch = std::span<const Datagram>;

namespace {

/// A unix address that nobody else has.
Address abstract_name() {
  static int count = 0;
  return address("unix:@uvreactor-datagram-" + std::to_string(getpid()) + "-" +
                 std::to_string(++count));
}

/// A socket that keeps what it receives.
struct Inbox {
  struct Message {
    std::string text;
    Address sender;
    bool truncated;
  };

  explicit Inbox(DatagramSocket from) : socket(std::move(from)) {
    socket.on_received([this](Batch batch) {
      for (const Datagram& datagram : batch) {
        messages.push_back({std::string(datagram.text()), datagram.sender, datagram.truncated});
      }
      ++batches;
    });
    socket.on_error([this](const Error& error) { errors.push_back(error.message()); });
  }
  Inbox(Loop& loop, const Address& local, DatagramOptions options = {})
      : Inbox(ok(DatagramSocket::bind(loop, local, options))) {}
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  [[nodiscard]] std::vector<std::string> texts() const {
    std::vector<std::string> all;
    for (const Message& message : messages) all.push_back(message.text);
    return all;
  }

  DatagramSocket socket;
  std::vector<Message> messages;
  std::vector<std::string> errors;
  int batches = 0;
};

/// Answers every datagram with itself.
DatagramSocket& echo(DatagramSocket& socket) {
  socket.on_received([&socket](Batch batch) {
    for (const Datagram& datagram : batch) socket.reply(datagram, datagram.bytes);
  });
  return socket;
}

/// Numbered messages, which differ in length unless it is given.
std::vector<std::string> numbered(std::size_t count, std::optional<std::size_t> length = {}) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) {
    std::string text = std::to_string(i) + ":";
    text.resize(length.value_or(text.size() + i % 97), 'x');
    texts.push_back(std::move(text));
  }
  return texts;
}

constexpr SocketOption<bool> received_ttl{"received_ttl", IPPROTO_IP, IP_RECVTTL, IPPROTO_IPV6,
                                          IPV6_RECVHOPLIMIT};

/// What the datagrams that have come say of the hops left to them.
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
  TEST_CASE("a datagram goes there and back, over IPv4, IPv6 and unix sockets") {
    Loop loop;
    const std::pair<Address, Address> places[] = {{address("127.0.0.1:0"), address("127.0.0.1:0")},
                                                  {address("[::1]:0"), address("[::1]:0")},
                                                  {abstract_name(), abstract_name()}};
    for (const auto& place : places) {
      CAPTURE(place.first.to_string());
      DatagramSocket server = ok(DatagramSocket::bind(loop, place.first));
      echo(server);
      Inbox client(loop, place.second);
      CHECK(client.socket.send(server.address(), "hello") == Sent::sent);
      run_until(loop, [&] { return !client.messages.empty(); });
      CHECK(client.texts() == std::vector<std::string>{"hello"});
      CHECK(client.messages[0].sender == server.address());
      CHECK_FALSE(client.messages[0].truncated);
      CHECK(server.counters().received == 1);
      CHECK(server.counters().sent == 1);
    }
  }

  TEST_CASE("an empty datagram is a message") {
    Loop loop;
    DatagramSocket server = ok(DatagramSocket::bind(loop, "127.0.0.1:0"));
    echo(server);
    Inbox client(loop, address("127.0.0.1:0"));
    client.socket.send(server.address(), "");
    client.socket.send(server.address(), "");
    client.socket.send(server.address(), "end");
    run_until(loop, [&] { return client.messages.size() == 3; });
    CHECK(client.texts() == std::vector<std::string>{"", "", "end"});
  }

  TEST_CASE("the longest datagram passes whole, one byte more is refused with the reason") {
    Loop loop;
    Inbox server(loop, address("127.0.0.1:0"));
    Inbox client(loop, address("127.0.0.1:0"));
    const std::string longest(65'507, 'x');
    CHECK(client.socket.send(server.socket.address(), longest) == Sent::sent);
    CHECK(client.socket.send(server.socket.address(), longest + "x") == Sent::dropped);
    CHECK(client.socket.send(server.socket.address(), std::string(1'000'000, 'x')) ==
          Sent::dropped);
    CHECK(client.errors.empty());  // Nothing is called back from inside a call.
    run_until(loop, [&] { return !server.messages.empty() && !client.errors.empty(); });
    CHECK(server.texts() == std::vector{longest});
    CHECK(client.errors ==
          std::vector<std::string>{"send " + server.socket.address().to_string() +
                                   ": message too long (longer than any datagram, or than the link "
                                   "takes whole)"});
    CHECK(client.socket.counters().failed == 2);
  }

  TEST_CASE("a unix datagram longer than the buffer is cut and says so") {
    Loop loop;
    Inbox server(loop, abstract_name());
    Inbox client(loop, abstract_name());
    client.socket.send(server.socket.address(), std::string(100'000, 'x'));
    client.socket.send(server.socket.address(), "next");
    run_until(loop, [&] { return server.messages.size() == 2; });
    CHECK(server.messages[0].truncated);
    CHECK(server.messages[0].text.size() >= 65'535);
    CHECK(server.messages[1].text == "next");
    CHECK_FALSE(server.messages[1].truncated);
    CHECK(server.socket.counters().truncated == 1);
  }

  TEST_CASE("bursts arrive whole and in order, coalesced or not on either side") {
    Loop loop;
    std::vector<std::string> awkward = numbered(300, 100);
    for (std::size_t i = 0; i < awkward.size(); i += 7) awkward[i].resize(i % 200);
    for (std::size_t i = 0; i < awkward.size(); i += 13) awkward[i].clear();
    const std::vector<std::string> bursts[] = {
        numbered(1, 64),     numbered(64, 64),    numbered(65, 64), numbered(700, 64),
        numbered(100, 1200), numbered(9, 30'000), numbered(300),    awkward};
    for (const char* host : {"127.0.0.1:0", "[::1]:0"}) {
      for (bool sender_coalesces : {true, false}) {
        for (bool receiver_coalesces : {true, false}) {
          for (const auto& burst : bursts) {
            CAPTURE(host);
            CAPTURE(sender_coalesces);
            CAPTURE(receiver_coalesces);
            CAPTURE(burst.size());
            DatagramOptions options;
            options.coalesce = receiver_coalesces;
            Inbox server(loop, address(host), options);
            ok(server.socket.socket().set(option::receive_buffer, 4 * 1024 * 1024));
            options.coalesce = sender_coalesces;
            DatagramSocket client = ok(DatagramSocket::bind(loop, address(host), options));
            loop.post([&] {
              for (const std::string& text : burst) {
                CHECK(client.send(server.socket.address(), text) == Sent::sent);
              }
            });
            run_until(loop, [&] { return server.messages.size() >= burst.size(); });
            CHECK(server.texts() == burst);
            CHECK(client.counters().sent == burst.size());
          }
        }
      }
    }
  }

  TEST_CASE("what one callback sends to several places from several sockets gets to all of them") {
    Loop loop;
    Inbox left(loop, address("127.0.0.1:0"));
    Inbox right(loop, address("127.0.0.1:0"));
    DatagramSocket first = ok(DatagramSocket::bind(loop, "127.0.0.1:0"));
    DatagramSocket second = ok(DatagramSocket::bind(loop, "127.0.0.1:0"));
    const std::vector<std::string> texts = numbered(50, 20);
    loop.post([&] {
      for (const std::string& text : texts) {
        first.send(left.socket.address(), text);
        first.send(right.socket.address(), text);
        second.send(left.socket.address(), text);
      }
    });
    run_until(loop, [&] { return left.messages.size() == 100 && right.messages.size() == 50; });
    CHECK(right.texts() == texts);
    std::vector<std::string> from_second;
    for (const auto& message : left.messages) {
      if (message.sender == second.address()) from_second.push_back(message.text);
    }
    CHECK(from_second == texts);
  }

  TEST_CASE("a batch may be passed on through another socket") {
    Loop loop;
    Inbox target(loop, address("127.0.0.1:0"));
    DatagramSocket exit = ok(DatagramSocket::bind(loop, "127.0.0.1:0"));
    DatagramSocket entry = ok(DatagramSocket::bind(loop, "127.0.0.1:0"));
    ok(target.socket.socket().set(option::receive_buffer, 4 * 1024 * 1024));
    ok(entry.socket().set(option::receive_buffer, 4 * 1024 * 1024));
    entry.on_received([&](Batch batch) {
      for (const Datagram& datagram : batch) exit.send(target.socket.address(), datagram.bytes);
    });
    DatagramSocket client = ok(DatagramSocket::connect(loop, entry.address()));
    const std::vector<std::string> texts = numbered(200, 500);
    loop.post([&] {
      for (const std::string& text : texts) client.send(text);
    });
    run_until(loop, [&] { return target.messages.size() == texts.size(); });
    CHECK(target.texts() == texts);
  }

  TEST_CASE("a connected unix socket is answered") {
    Loop loop;
    DatagramSocket server = ok(DatagramSocket::bind(loop, abstract_name()));
    server.on_received([&](Batch batch) {
      for (const Datagram& datagram : batch) server.reply(datagram, datagram.bytes);
    });
    Inbox client(ok(DatagramSocket::connect(loop, server.address())));
    client.socket.send("who is there?");
    run_until(loop, [&] { return !client.messages.empty(); });
    CHECK(client.texts() == std::vector<std::string>{"who is there?"});
  }

  TEST_CASE("a refusal is told as an error and is not the end of the socket") {
    Loop loop;
    // Not 127.0.0.1, where the client is given the port that has become free now and then.
    std::optional<Inbox> server(std::in_place, loop, address("127.0.0.2:0"));
    const Address at = server->socket.address();
    server.reset();

    Inbox client(ok(DatagramSocket::connect(loop, at)));
    client.socket.send("anybody?");
    run_until(loop, [&] { return !client.errors.empty(); });
    CHECK(client.errors[0].find("connection refused") != std::string::npos);

    server.emplace(loop, at);
    client.socket.send("now?");
    run_until(loop, [&] { return !server->messages.empty(); });
    CHECK(server->texts() == std::vector<std::string>{"now?"});
    CHECK(client.errors.size() == 1);
  }

  TEST_CASE("a refusal that nobody has asked for does not swallow the next datagram") {
    Loop loop;
    // Not 127.0.0.1, where the client is given the port that has become free now and then.
    std::optional<Inbox> server(std::in_place, loop, address("127.0.0.2:0"));
    const Address at = server->socket.address();
    server.reset();
    DatagramSocket client = ok(DatagramSocket::connect(loop, at));
    client.send("lost");
    server.emplace(loop, at);
    CHECK(client.send("found") == Sent::sent);
    run_until(loop, [&] { return !server->messages.empty(); });
    CHECK(server->texts() == std::vector<std::string>{"found"});
  }

  TEST_CASE("a socket that is not connected tells whom a datagram did not reach, if asked to") {
    if (option::error_queue.number < 0) {
      MESSAGE("skipped: the portable platform has no error queue");
      return;
    }
    Loop loop;
    const struct {
      const char* local;
      const char* peers;
    } places[] = {
        {"127.0.0.1:0", "127.0.0.1:0"}, {"[::1]:0", "[::1]:0"}, {"[::]:0", "127.0.0.1:0"}};
    for (const auto& place : places) {
      for (const bool receives : {true, false}) {
        CAPTURE(place.local);
        CAPTURE(receives);
        Inbox alive(loop, address(place.peers));
        DatagramOptions options;
        options.refusals = true;
        Inbox client(loop, address(place.local), options);
        const std::array gone = {Inbox(loop, address(place.peers)).socket.address(),
                                 Inbox(loop, address(place.peers)).socket.address()};
        if (!receives) client.socket.on_received(nullptr);
        const auto texts = numbered(100, 20);
        loop.post([&] {
          for (const std::string& text : texts) {
            for (const Address& at : gone) client.socket.send(at, text);
            client.socket.send(alive.socket.address(), text);
          }
        });
        const auto told = [&](const Address& at) {
          const std::string error = "send " + at.to_string() + ": connection refused";
          return std::count(client.errors.begin(), client.errors.end(), error) > 0;
        };
        run_until(loop, [&] {
          return told(gone[0]) && told(gone[1]) && alive.messages.size() == texts.size();
        });
        CHECK(alive.texts() == texts);
        CHECK(client.socket.counters().failed == 0);
        CHECK(client.socket.counters().sent == 3 * texts.size());
        for (const std::string& error : client.errors) {
          CHECK(error.find(alive.socket.address().to_string()) == std::string::npos);
        }
        // What was told is not told for ever: the loop has nothing to do.
        for (int turn = 0; turn < 100; ++turn) loop.poll();
        const std::size_t errors = client.errors.size();
        for (int turn = 0; turn < 100; ++turn) loop.poll();
        CHECK(client.errors.size() == errors);
      }
    }
  }

  TEST_CASE("a turn tells each error once, and sixteen at most") {
    Loop loop;
    Inbox client(loop, address("127.0.0.1:0"));
    const std::string too_long(70'000, 'x');
    for (int port = 1; port <= 100; ++port) {
      const Address to = address("127.0.0.1:" + std::to_string(port));
      for (int i = 0; i < 2; ++i) CHECK(client.socket.send(to, too_long) == Sent::dropped);
    }
    loop.poll();
    CHECK(client.errors.size() == 16);
    CHECK(std::set(client.errors.begin(), client.errors.end()).size() == 16);
    CHECK(client.socket.counters().failed == 200);
  }

  TEST_CASE("a server outlives a client that is gone when the answer comes") {
    Loop loop;
    DatagramSocket server = ok(DatagramSocket::bind(loop, "127.0.0.1:0"));
    echo(server);
    std::optional<Inbox> hasty(std::in_place, loop, address("127.0.0.1:0"));
    hasty->socket.send(server.address(), "bye");
    hasty.reset();
    Inbox client(loop, address("127.0.0.1:0"));
    client.socket.send(server.address(), "hello");
    run_until(loop, [&] { return !client.messages.empty(); });
    CHECK(server.counters().received == 2);
  }

  TEST_CASE("bound to any address, a socket answers from the one that was asked") {
    Loop loop;
    const struct {
      const char* server;
      const char* asked;
      const char* destination;
    } cases[] = {{"0.0.0.0:0", "127.0.0.2:0", "127.0.0.2"},
                 {"[::]:0", "[::1]:0", "::1"},
                 {"[::]:0", "127.0.0.3:0", "::ffff:127.0.0.3"}};
    for (const auto& expected : cases) {
      DatagramSocket server = ok(DatagramSocket::bind(loop, expected.server));
      std::string told;
      unsigned interface_index = 0;
      server.on_received([&](Batch batch) {
        for (const Datagram& datagram : batch) {
          REQUIRE(datagram.arrival);
          told = datagram.arrival->destination.host();
          interface_index = datagram.arrival->interface_index;
          CHECK(datagram.arrival->destination.port() == server.address().port());
          server.reply(datagram, datagram.bytes);
        }
      });
      Address to = address(expected.asked);
      to.set_port(server.address().port());
      // A connected socket hears nobody but the one it asked.
      Inbox client(ok(DatagramSocket::connect(loop, to)));
      client.socket.send("from whom?");
      run_until(loop, [&] { return !client.messages.empty(); });
      CHECK(told == expected.destination);
      CHECK(interface_index == if_nametoindex("lo"));
    }
  }

  TEST_CASE("nothing that send() and reply() were given is looked at again after they return") {
    const struct {
      const char* server;
      const char* asked;
      const char* other;
    } cases[] = {{"0.0.0.0:0", "127.0.0.2:0", "127.0.0.9:0"},
                 {"[::]:0", "[::1]:0", "[2001:db8::9]:0"},
                 {"[::]:0", "127.0.0.3:0", "[::ffff:127.0.0.9]:0"}};
    for (const auto& place : cases) {
      for (const bool in_callback : {true, false}) {
        CAPTURE(place.asked);
        CAPTURE(in_callback);
        Loop loop;
        DatagramSocket server = ok(DatagramSocket::bind(loop, place.server));
        std::optional<Address> sender;
        std::optional<Arrival> arrival;
        server.on_received([&](Batch batch) {
          sender = batch[0].sender;
          arrival = *batch[0].arrival;
        });
        Address to = address(place.asked);
        to.set_port(server.address().port());
        // A connected socket hears nobody but the one it asked.
        Inbox client(ok(DatagramSocket::connect(loop, to)));
        client.socket.send("x");
        run_until(loop, [&] { return arrival.has_value(); });
        const auto answer = [&] {
          for (const char* const text : {"one", "two", "three"}) {
            auto bytes = std::make_unique<std::string>(text);
            auto copy = std::make_unique<std::pair<Address, Arrival>>(*sender, *arrival);
            const Datagram asked{
                .bytes = {}, .sender = copy->first, .arrival = &copy->second, .truncated = false};
            CHECK(server.reply(asked, *bytes) == Sent::sent);
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

  TEST_CASE("each datagram goes to the peer that the socket had when send() was called") {
    Loop loop;
    for (const char* host : {"127.0.0.1:0", "[::1]:0"}) {
      Inbox first(loop, address(host)), second(loop, address(host));
      DatagramSocket sender = ok(DatagramSocket::bind(loop, address(host)));
      Socket& socket = sender.socket();  // Kept, since asking for it sends what was gathered.
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

  TEST_CASE("the kernel's receive time is told when asked for") {
    Loop loop;
    for (const Address& at : {address("127.0.0.1:0"), address("[::1]:0"), abstract_name()}) {
      DatagramOptions options;
      options.receive_times = true;
      DatagramSocket server = ok(DatagramSocket::bind(loop, at, options));
      std::optional<std::chrono::sys_time<std::chrono::nanoseconds>> received;
      server.on_received([&](Batch batch) { received = batch[0].arrival->time; });
      DatagramSocket client = ok(DatagramSocket::connect(loop, server.address()));
      const auto before = std::chrono::system_clock::now();
      client.send("now");
      const auto after = std::chrono::system_clock::now();
      run_until(loop, [&] { return received.has_value(); });
      CHECK(*received >= before - 1ms);
      CHECK(*received <= after + 1ms);
    }
  }

  TEST_CASE("how datagrams arrive is not told unless asked for") {
    Loop loop;
    DatagramSocket server = ok(DatagramSocket::bind(loop, "127.0.0.1:0"));
    bool told = false;
    server.on_received([&](Batch batch) {
      CHECK(batch[0].arrival == nullptr);
      told = true;
    });
    ok(DatagramSocket::connect(loop, server.address())).send("x");
    run_until(loop, [&] { return told; });
  }

  TEST_CASE("sending to a broadcast address without the option says what to do") {
    Loop loop;
    Inbox socket(loop, address("0.0.0.0:0"));
    socket.socket.send(address("127.255.255.255:9"), "all");
    run_until(loop, [&] { return !socket.errors.empty(); });
    CHECK(socket.errors[0] ==
          "send 127.255.255.255:9: permission denied (a broadcast address needs the broadcast "
          "option)");
  }

  // IPv6 has no route for groups on loopback: tests/datagrams does that between namespaces.
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
      CHECK(sender.send(group, "to all") == Sent::sent);
      run_until(loop, [&] { return !first.messages.empty() && !second.messages.empty(); });
      CHECK(first.texts() == std::vector<std::string>{"to all"});
      CHECK(second.texts() == std::vector<std::string>{"to all"});
    }
  }

  TEST_CASE("an answer to a broadcast comes from an address that can be answered") {
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

  // A unix receiver takes a handful of datagrams and then none until it reads: the only kernel
  // queue that a test can fill at will.
  TEST_CASE("what the kernel has no room for waits, within the limit, by the policy") {
    Loop loop;
    for (WhenFull when_full : {WhenFull::refuse, WhenFull::drop_newest, WhenFull::drop_oldest}) {
      for (bool connected : {true, false}) {
        CAPTURE(static_cast<int>(when_full));
        CAPTURE(connected);
        Inbox server(loop, abstract_name());
        server.socket.pause();
        DatagramOptions options;
        options.when_full = when_full;
        options.max_queued_bytes = 10'000;
        DatagramSocket client =
            connected ? ok(DatagramSocket::connect(loop, server.socket.address(), options))
                      : ok(DatagramSocket::bind(loop, abstract_name(), options));
        int drained = 0;
        client.on_drained([&] { ++drained; });
        std::vector<std::string> taken;
        std::size_t sent = 0, queued = 0, full = 0, dropped = 0;
        for (const std::string& text : numbered(3000, 10)) {
          const Sent result =
              connected ? client.send(text) : client.send(server.socket.address(), text);
          if (result == Sent::sent || result == Sent::queued) taken.push_back(text);
          sent += result == Sent::sent;
          queued += result == Sent::queued;
          full += result == Sent::full;
          dropped += result == Sent::dropped;
        }
        CHECK(sent > 0);
        CHECK(queued > 10);
        CHECK(client.queued_bytes() > 0);
        CHECK(client.queued_bytes() <= options.max_queued_bytes);
        CHECK(client.counters().sent == sent);
        if (when_full == WhenFull::refuse) {
          CHECK(full > 0);
          CHECK(client.counters().dropped == 0);
        } else {
          CHECK(full == 0);
          CHECK(client.counters().dropped > 0);
          CHECK((dropped > 0) == (when_full == WhenFull::drop_newest));
        }
        const std::size_t lost_later =
            when_full == WhenFull::drop_oldest ? client.counters().dropped : 0;
        taken.erase(taken.begin() + static_cast<std::ptrdiff_t>(sent),
                    taken.begin() + static_cast<std::ptrdiff_t>(sent + lost_later));
        server.socket.resume();
        run_until(loop, [&] { return server.messages.size() == taken.size(); });
        CHECK(server.texts() == taken);
        CHECK(client.queued_bytes() == 0);
        CHECK(drained == (when_full == WhenFull::refuse ? 1 : 0));
      }
    }
  }

  TEST_CASE("a socket of which the kernel reports when it has room does not ask meanwhile") {
    Loop loop;
    Inbox server(loop, abstract_name());
    server.socket.pause();
    DatagramSocket client = ok(DatagramSocket::connect(loop, server.socket.address()));
    while (client.send("x") == Sent::sent) continue;
    REQUIRE(client.queued_bytes() > 0);
    bool over = false;
    const auto later = Timer::after(loop, 200ms, [&] { over = true; });
    const reactor::TurnStatistics& statistics = loop.measure_turns();
    run_until(loop, [&] { return over; });
    CHECK(statistics.turns <= 5U * static_cast<unsigned>(patience()));
  }

  TEST_CASE("a unix receiver that does not read holds up only what is for it") {
    for (const WhenFull when_full :
         {WhenFull::refuse, WhenFull::drop_newest, WhenFull::drop_oldest}) {
      for (const bool in_callback : {true, false}) {
        CAPTURE(static_cast<int>(when_full));
        CAPTURE(in_callback);
        Loop loop;
        Inbox stuck(loop, abstract_name()), also_stuck(loop, abstract_name());
        Inbox good(loop, abstract_name());
        stuck.socket.pause();
        also_stuck.socket.pause();
        DatagramOptions options;
        options.when_full = when_full;
        options.max_queued_bytes = 64 * 1024;
        Inbox sender(loop, abstract_name(), options);
        int drained = 0;
        sender.socket.on_drained([&] { ++drained; });
        const auto texts = numbered(400, 20);
        std::size_t next = 0;
        const auto send = [&] {
          for (const std::string& text : texts) {
            sender.socket.send(stuck.socket.address(), text);
            sender.socket.send(also_stuck.socket.address(), text);
          }
          // More than the kernel takes before it is read.
          for (int i = 0; i < 40; ++i) sender.socket.send(good.socket.address(), texts[next++]);
        };
        for (int i = 0; i < 10; ++i) {
          if (in_callback) {
            loop.post(send);
          } else {
            send();
          }
          const std::size_t sent = (static_cast<std::size_t>(i) + 1) * 40;
          run_until(loop, [&] { return good.messages.size() == sent; });
          CHECK(sender.socket.queued_bytes() <= options.max_queued_bytes);
        }
        CHECK(good.texts() == texts);
        CHECK(sender.socket.queued_bytes() > 0);
        CHECK(drained == 0);

        // Each then gets what was taken, in order.
        stuck.socket.resume();
        also_stuck.socket.resume();
        run_until(loop, [&] { return sender.socket.queued_bytes() == 0; });
        const auto& counters = sender.socket.counters();
        run_until(loop, [&] {
          return stuck.messages.size() + also_stuck.messages.size() + texts.size() == counters.sent;
        });
        for (const Inbox* const inbox : {&stuck, &also_stuck}) {
          CHECK(inbox->messages.size() > 10);
          std::size_t at = 0;  // Each text is sent ten times.
          for (const std::string& text : inbox->texts()) {
            while (at < 10 * texts.size() && texts[at % texts.size()] != text) ++at;
            ++at;
          }
          CHECK(at <= 10 * texts.size());
        }
        if (in_callback || when_full != WhenFull::refuse) CHECK(counters.dropped > 0);
        CHECK(counters.failed == 0);
        CHECK((drained > 0) == (when_full == WhenFull::refuse));
        CHECK(sender.errors.empty());
      }
    }
  }

  TEST_CASE("a unix receiver that is gone takes what waits for it along, and nothing else") {
    Loop loop;
    std::optional<Inbox> stuck(std::in_place, loop, abstract_name());
    stuck->socket.pause();
    Inbox good(loop, abstract_name());
    Inbox sender(loop, abstract_name());
    for (int i = 0; i < 1000; ++i) sender.socket.send(stuck->socket.address(), "x");
    CHECK(sender.socket.queued_bytes() > 0);
    stuck.reset();
    sender.socket.send(good.socket.address(), "still here");
    run_until(loop, [&] { return sender.socket.queued_bytes() == 0; });
    run_until(loop, [&] { return !good.messages.empty() && !sender.errors.empty(); });
    CHECK(sender.socket.counters().failed + sender.socket.counters().sent == 1001);
    CHECK(good.texts() == std::vector<std::string>{"still here"});
  }

  TEST_CASE_TEMPLATE("drain() discards what a unix receiver does not read, and run() returns",
                     Position, Host, Guest) {
    Position position;
    Loop& loop = position.loop;
    for (const bool connected : {true, false}) {
      CAPTURE(connected);
      Inbox stuck(loop, abstract_name()), good(loop, abstract_name());
      stuck.socket.pause();
      Inbox sender(connected ? ok(DatagramSocket::connect(loop, stuck.socket.address()))
                             : ok(DatagramSocket::bind(loop, abstract_name())));
      constexpr unsigned sent = 1000;
      for (unsigned i = 0; i < sent; ++i) {
        connected ? sender.socket.send("x") : sender.socket.send(stuck.socket.address(), "x");
      }
      if (!connected) {
        for (int i = 0; i < 100; ++i) sender.socket.send(good.socket.address(), "y");
        run_until(loop, [&] { return good.messages.size() == 100; });
      }
      good.socket.pause();
      const std::uint64_t taken = sender.socket.counters().sent - good.messages.size();
      REQUIRE(taken < sent);
      sender.socket.drain(20ms);
      loop.run();
      CHECK(sender.socket.queued_bytes() == 0);
      CHECK(sender.socket.counters().dropped == sent - taken);
      CHECK(sender.errors == std::vector<std::string>{"send " + stuck.socket.address().to_string() +
                                                      ": connection timed out"});
      // What is sent later has the same time.
      CHECK((connected ? sender.socket.send("x")
                       : sender.socket.send(stuck.socket.address(), "x")) == Sent::queued);
      loop.run();
      CHECK(sender.socket.counters().dropped == sent - taken + 1);
      CHECK(sender.errors.size() == 2);
    }
  }

  TEST_CASE("a drain() that makes progress takes as long as it takes, and loses nothing") {
    Loop loop;
    Inbox slow(loop, abstract_name());
    slow.socket.pause();
    Inbox sender(loop, abstract_name());
    const auto texts = numbered(60, 20);
    for (const std::string& text : texts) sender.socket.send(slow.socket.address(), text);
    // One batch each time, which is what the kernel holds for a receiver.
    slow.socket.on_received([&](Batch batch) {
      for (const Datagram& datagram : batch) {
        slow.messages.push_back({std::string(datagram.text()), datagram.sender, false});
      }
      slow.socket.pause();
    });
    const auto reads = Timer::every(loop, 100ms, [&] { slow.socket.resume(); });
    const auto began = Loop::Clock::now();
    constexpr auto timeout = 300ms;
    sender.socket.drain(timeout);
    run_until(loop, [&] { return slow.messages.size() == texts.size(); });
    CHECK(slow.texts() == texts);
    CHECK(sender.socket.counters().dropped == 0);
    if (Loop::Clock::now() - began <= timeout) MESSAGE("skipped: the receiver was not slow");
  }

  TEST_CASE("on_drained comes after `full` also when drain() makes the room") {
    Loop loop;
    Inbox stuck(loop, abstract_name());
    stuck.socket.pause();
    DatagramOptions options;
    options.max_queued_bytes = 10'000;
    Inbox sender(loop, abstract_name(), options);
    while (sender.socket.send(stuck.socket.address(), "x") != Sent::full) {
    }
    int drained = 0;
    sender.socket.on_drained([&] { ++drained; });
    sender.socket.drain(1ms);
    loop.run();
    CHECK(drained == 1);

    // It may send more then, or destroy the socket.
    std::optional<DatagramSocket> ended = ok(DatagramSocket::bind(loop, abstract_name(), options));
    while (ended->send(stuck.socket.address(), "x") != Sent::full) {
    }
    ended->on_drained([&] { ended.reset(); });
    ended->drain(1ms);
    loop.run();
    CHECK_FALSE(ended);
  }

  TEST_CASE("a drain() of max() waits for a receiver for ever") {
    Loop loop;
    Inbox stuck(loop, abstract_name());
    stuck.socket.pause();
    Inbox sender(loop, abstract_name());
    for (int i = 0; i < 100; ++i) sender.socket.send(stuck.socket.address(), "x");
    sender.socket.drain(reactor::Duration::max());
    for (int turn = 0; turn < 100; ++turn) loop.poll();
    CHECK(sender.socket.counters().dropped == 0);
    stuck.socket.resume();
    run_until(loop, [&] { return stuck.messages.size() == 100; });
  }

  TEST_CASE("a datagram that was `sent` in a callback and found the queue full is counted") {
    for (const WhenFull when_full :
         {WhenFull::refuse, WhenFull::drop_newest, WhenFull::drop_oldest}) {
      for (const bool connected : {true, false}) {
        CAPTURE(static_cast<int>(when_full));
        CAPTURE(connected);
        Loop loop;
        Inbox server(loop, abstract_name());
        server.socket.pause();
        DatagramOptions options;
        options.when_full = when_full;
        options.max_queued_bytes = 10'000;
        DatagramSocket client =
            connected ? ok(DatagramSocket::connect(loop, server.socket.address(), options))
                      : ok(DatagramSocket::bind(loop, abstract_name(), options));
        // More than are gathered at once.
        const auto texts = numbered(3000, 10);
        std::uint64_t sent = 0, refused = 0;
        bool done = false;
        loop.post([&] {
          for (const std::string& text : texts) {
            const Sent result =
                connected ? client.send(text) : client.send(server.socket.address(), text);
            sent += result == Sent::sent || result == Sent::queued;
            refused += result == Sent::full;
          }
          done = true;
        });
        run_until(loop, [&] { return done; });
        const auto& counters = client.counters();
        CHECK(sent >= 1024);
        CHECK(counters.dropped > 900);
        server.socket.resume();
        run_until(loop, [&] { return client.queued_bytes() == 0; });
        CHECK(counters.sent + counters.dropped + refused == texts.size());
        CHECK(counters.failed == 0);
        run_until(loop, [&] { return server.messages.size() == counters.sent; });
        // Whichever they are, they are in order.
        int last = -1;
        for (const std::string& text : server.texts()) {
          CHECK(std::stoi(text) > last);
          last = std::stoi(text);
        }
      }
    }
  }

  TEST_CASE("what a callback has no time for is delivered later, in order") {
    for (const std::string how : {"throw", "return", "pause", "remove"}) {
      CAPTURE(how);
      Loop loop;
      DatagramOptions options;
      options.arrivals = true;
      DatagramSocket server = ok(DatagramSocket::bind(loop, "127.0.0.1:0", options));
      DatagramSocket client = ok(DatagramSocket::connect(loop, server.address()));
      const Address client_at = client.address();
      Inbox other(loop, address("127.0.0.1:0"));
      std::vector<std::string> handled, expected;
      int batches = 0;
      // Three of each batch are enough.
      const std::function<void(Batch)> handle = [&](Batch batch) {
        ++batches;
        for (const Datagram& datagram : batch.first(std::min<std::size_t>(batch.size(), 3))) {
          handled.emplace_back(datagram.text());
          CHECK(datagram.sender == client_at);
          REQUIRE(datagram.arrival);
          CHECK(datagram.arrival->destination == server.address());
          server.reply(datagram, datagram.bytes);
        }
        if (batch.size() <= 3) return;
        server.deliver_later(batch.subspan(3));
        if (how == "pause") server.pause();
        if (how == "remove") server.on_received(nullptr);
        if (how == "throw") throw std::runtime_error("enough");
      };
      server.on_received(handle);
      Inbox answered(std::move(client));
      for (int i = 0; i < 3; ++i) {
        for (const std::string& text : numbered(7)) {
          answered.socket.send(text);
          expected.push_back(text);
        }
        // Others receive into the same buffers meanwhile.
        for (int j = 0; j < 20; ++j) answered.socket.send("");
        expected.insert(expected.end(), 20, "");
      }
      const auto all_came = [&] {
        other.socket.send(other.socket.address(), std::string(1000, 'z'));
        server.resume();
        if (how == "remove") server.on_received(handle);
        return answered.messages.size() == expected.size();
      };
      for (bool thrown = true; std::exchange(thrown, false);) {
        try {
          run_until(loop, all_came);
        } catch (const std::runtime_error&) {
          thrown = true;
        }
      }
      CHECK(handled == expected);
      CHECK(answered.texts() == expected);
      CHECK(batches >= 27);
      CHECK(server.counters().received == expected.size());
    }
  }

  TEST_CASE("a paused socket is told nothing, a resumed one what has come meanwhile") {
    Loop loop;
    Inbox server(loop, address("127.0.0.1:0"));
    server.socket.pause();
    DatagramSocket client = ok(DatagramSocket::connect(loop, server.socket.address()));
    client.send("one");
    loop.poll();
    loop.poll();
    CHECK(server.messages.empty());
    server.socket.resume();
    run_until(loop, [&] { return !server.messages.empty(); });
    server.socket.on_received(nullptr);
    client.send("two");
    loop.poll();
    loop.poll();
    CHECK(server.texts() == std::vector<std::string>{"one"});
  }

  TEST_CASE("a batch that does not fit one read is continued, after others had their turn") {
    Loop loop;
    Inbox server(loop, address("127.0.0.1:0"));
    ok(server.socket.socket().set(option::receive_buffer, 4 * 1024 * 1024));
    DatagramOptions options;
    options.coalesce = false;
    DatagramSocket client = ok(DatagramSocket::connect(loop, server.socket.address(), options));
    const auto texts = numbered(500, 50);
    loop.post([&] {
      for (const std::string& text : texts) client.send(text);
    });
    int posted = 0;
    Callback<void()> post_again;
    run_until(loop, [&] {
      loop.post([&] { posted += server.messages.size() < texts.size(); });
      return server.messages.size() == texts.size();
    });
    CHECK(server.texts() == texts);
    CHECK(server.batches >= 7);
    CHECK(posted >= 7);
  }

  TEST_CASE("a socket may destroy itself and others from its callbacks") {
    Loop loop;
    Inbox witness(loop, address("127.0.0.1:0"));
    std::optional<DatagramSocket> self, other;
    int calls = 0;
    self = ok(DatagramSocket::bind(loop, "127.0.0.1:0"));
    other = ok(DatagramSocket::bind(loop, "127.0.0.1:0"));
    other->on_received([&](Batch) { ++calls; });
    self->on_received([&, kept = std::string("kept")](Batch batch) {
      self->send(witness.socket.address(), "sent before the end");
      other->send(witness.socket.address(), "by another");
      other.reset();
      self.reset();
      CHECK(batch[0].text() == "x");
      CHECK(kept == "kept");
      ++calls;
    });
    DatagramSocket client = ok(DatagramSocket::bind(loop, "127.0.0.1:0"));
    const Address self_at = self->address();
    const Address other_at = other->address();
    loop.post([&] {
      client.send(self_at, "x");
      client.send(other_at, "x");
    });
    run_until(loop, [&] { return witness.messages.size() == 2; });
    loop.poll();
    CHECK(calls == 1);
    CHECK(witness.messages[0].text == "sent before the end");
  }

  TEST_CASE("a socket that still has something to send may be destroyed by what it receives") {
    Loop loop;
    Inbox full(loop, abstract_name());
    full.socket.pause();
    DatagramSocket peer = ok(DatagramSocket::bind(loop, abstract_name()));
    for (const bool by_itself : {true, false}) {
      CAPTURE(by_itself);
      std::optional<DatagramSocket> socket = ok(DatagramSocket::bind(loop, abstract_name()));
      DatagramSocket other = ok(DatagramSocket::bind(loop, abstract_name()));
      bool gone = false, drained = false;
      const auto destroy = [&](Batch) {
        for (int i = 0; i < 3; ++i) socket->send(full.socket.address(), "queued in the callback");
        socket.reset();
        gone = true;
      };
      (by_itself ? *socket : other).on_received(destroy);
      socket->on_drained([&] { drained = true; });
      while (socket->send(full.socket.address(), std::string(100'000, 'x')) != Sent::full) {
      }
      CHECK(socket->queued_bytes() > 0);
      peer.send(by_itself ? socket->address() : other.address(), "end");
      run_until(loop, [&] { return gone; });
      full.socket.resume();
      for (int turn = 0; turn < 10; ++turn) loop.poll();
      CHECK_FALSE(drained);
      full.socket.pause();
    }
  }

  TEST_CASE("a callback may replace or remove itself") {
    Loop loop;
    DatagramSocket server = ok(DatagramSocket::bind(loop, "127.0.0.1:0"));
    std::vector<std::string> told;
    server.on_received([&, first = std::string("first")](Batch) {
      server.on_received([&](Batch) {
        told.push_back("second");
        server.on_received(nullptr);
      });
      told.push_back(first);
    });
    DatagramSocket client = ok(DatagramSocket::connect(loop, server.address()));
    client.send("x");
    run_until(loop, [&] { return told.size() == 1; });
    client.send("x");
    run_until(loop, [&] { return told.size() == 2; });
    CHECK(told == std::vector<std::string>{"first", "second"});
  }

  TEST_CASE("a socket keeps the loop running while it receives or has something to send") {
    Loop loop;
    DatagramSocket idle = ok(DatagramSocket::bind(loop, "127.0.0.1:0"));
    loop.run();
    int calls = 0;
    idle.on_received([&](Batch) {
      ++calls;
      idle.on_received(nullptr);
    });
    ok(DatagramSocket::connect(loop, idle.address())).send("x");
    loop.run();
    CHECK(calls == 1);
  }

  TEST_CASE("what a callback throws leaves run, and nothing is lost") {
    Loop loop;
    Inbox inbox(loop, address("127.0.0.1:0"));
    DatagramSocket server = ok(DatagramSocket::bind(loop, "127.0.0.1:0"));
    server.on_received([&](Batch batch) {
      server.send(inbox.socket.address(), batch[0].bytes);
      throw std::runtime_error("enough");
    });
    DatagramSocket client = ok(DatagramSocket::connect(loop, server.address()));
    client.send("one");
    CHECK_THROWS_WITH_AS(loop.run(), "enough", std::runtime_error);
    client.send("two");
    CHECK_THROWS_WITH_AS(loop.run(), "enough", std::runtime_error);
    server.on_received(nullptr);
    run_until(loop, [&] { return inbox.messages.size() == 2; });
    CHECK(inbox.texts() == std::vector<std::string>{"one", "two"});
  }

  TEST_CASE("what the kernel drops for want of room is counted") {
    Loop loop;
    Inbox server(loop, address("127.0.0.1:0"));
    ok(server.socket.socket().set(option::receive_buffer, 4096));
    DatagramSocket client = ok(DatagramSocket::connect(loop, server.socket.address()));
    CHECK(server.socket.dropped_by_kernel() == 0);
    for (const std::string& text : numbered(100, 1000)) client.send(text);
    run_until(loop, [&] { return !server.messages.empty(); });
    if (option::udp_gro.number < 0) {
      MESSAGE("skipped: the portable platform does not report what the kernel drops");
      return;
    }
    CHECK(server.socket.dropped_by_kernel() == 100 - server.messages.size());
  }

  TEST_CASE("what is no datagram socket, or cannot be bound, is refused") {
    Loop loop;
    auto stream = ok(Socket::open(Family::ipv4, SocketType::stream));
    const auto adopted = DatagramSocket::adopt(loop, std::move(stream));
    REQUIRE_FALSE(adopted);
    CHECK(adopted.error().hint == "not a datagram socket");
    for (const int fd : {open("/dev/null", O_RDWR | O_CLOEXEC), -1}) {
      const auto none = DatagramSocket::adopt(loop, Socket::own(fd));
      REQUIRE_FALSE(none);
      CHECK(none.error().code ==
            (fd < 0 ? std::errc::bad_file_descriptor : std::errc::not_a_socket));
    }
    CHECK_FALSE(DatagramSocket::bind(loop, "localhost"));
    DatagramSocket first = ok(DatagramSocket::bind(loop, "127.0.0.1:0"));
    CHECK(DatagramSocket::bind(loop, first.address()).error().code == std::errc::address_in_use);
    DatagramOptions options;
    options.reuse_port = true;
    DatagramSocket second = ok(DatagramSocket::bind(loop, "127.0.0.1:0", options));
    CHECK(DatagramSocket::bind(loop, second.address(), options));
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
          CHECK(inbox.socket.send(to, request) == Sent::sent);
        }
      });
      // The requests arrive as well: the receiver is this host.
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

  TEST_CASE("inside an application's own libuv loop it works the same") {
    uv_loop_t application;
    REQUIRE(uv_loop_init(&application) == 0);
    {
      Loop loop(application);
      DatagramSocket server = ok(DatagramSocket::bind(loop, "127.0.0.1:0"));
      echo(server);
      Inbox client(loop, address("127.0.0.1:0"));
      ok(server.socket().set(option::receive_buffer, 4 * 1024 * 1024));
      ok(client.socket.socket().set(option::receive_buffer, 4 * 1024 * 1024));
      const auto texts = numbered(300, 40);
      loop.post([&] {
        for (const std::string& text : texts) client.socket.send(server.address(), text);
      });
      run_until(loop, [&] { return client.messages.size() == texts.size(); });
      CHECK(client.texts() == texts);
    }
    uv_run(&application, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&application) == 0);
  }

  TEST_CASE("a million datagrams go there and back, none lost, doubled or reordered") {
    constexpr std::uint64_t total = 1'000'000, one_by_one = 100'000;
    constexpr std::uint64_t window = 128;
    Loop loop;
    for (const bool coalesce : {true, false}) {
      CAPTURE(coalesce);
      DatagramOptions options;
      options.coalesce = coalesce;
      const std::uint64_t count = coalesce ? total : one_by_one;
      DatagramSocket server = ok(DatagramSocket::bind(loop, "127.0.0.1:0", options));
      echo(server);
      DatagramSocket client = ok(DatagramSocket::connect(loop, server.address(), options));
      std::uint64_t sent = 0, received = 0, wrong = 0;
      const auto fill_window = [&] {
        for (; sent < count && sent - received < window; ++sent) {
          std::byte bytes[64] = {};
          std::memcpy(bytes, &sent, sizeof sent);
          client.send(bytes);
        }
      };
      client.on_received([&](Batch batch) {
        for (const Datagram& datagram : batch) {
          std::uint64_t number = 0;
          std::memcpy(&number, datagram.bytes.data(), sizeof number);
          wrong += datagram.bytes.size() != 64 || number != received;
          ++received;
        }
        fill_window();
      });
      loop.post(fill_window);
      run_until(
          loop, [&] { return received == count; }, 60s);
      CHECK(wrong == 0);
      CHECK(client.counters().failed == 0);
      CHECK(server.dropped_by_kernel() == 0);
    }
  }
}
