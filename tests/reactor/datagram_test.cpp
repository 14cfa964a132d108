#include "reactor/datagram.hpp"

#include <doctest/doctest.h>
#include <uv.h>

#include <chrono>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "support/inbox.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"
#include "support/timeout_scale.hpp"

using namespace reactor;
using namespace std::chrono_literals;
using Batch = std::span<const Datagram>;

TEST_SUITE("datagram") {
  TEST_CASE("a datagram is sent and echoed over IPv4, IPv6 and unix sockets") {
    Loop loop;
    const std::pair<Address, Address> places[] = {{address("127.0.0.1:0"), address("127.0.0.1:0")},
                                                  {address("[::1]:0"), address("[::1]:0")},
                                                  {abstract_name(), abstract_name()}};
    for (const auto& place : places) {
      CAPTURE(place.first.to_string());
      DatagramSocket server = ok(DatagramSocket::bind(loop, place.first));
      echo(server);
      Inbox client(loop, place.second);
      CHECK(client.socket.send(server.address(), "hello") == WriteStatus::sent);
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

  TEST_CASE("the longest datagram is sent whole, and a longer one is refused with the reason") {
    Loop loop;
    Inbox server(loop, address("127.0.0.1:0"));
    Inbox client(loop, address("127.0.0.1:0"));
    const std::string longest(65'507, 'x');
    CHECK(client.socket.send(server.socket.address(), longest) == WriteStatus::sent);
    CHECK(client.socket.send(server.socket.address(), longest + "x") == WriteStatus::dropped);
    CHECK(client.socket.send(server.socket.address(), std::string(1'000'000, 'x')) ==
          WriteStatus::dropped);
    CHECK(client.errors.empty());  // No callback is called from inside send().
    run_until(loop, [&] { return !server.messages.empty() && !client.errors.empty(); });
    CHECK(server.texts() == std::vector{longest});
    CHECK(client.errors ==
          std::vector<std::string>{"send " + server.socket.address().to_string() +
                                   ": message too long (longer than any datagram, or than the link "
                                   "takes whole)"});
    CHECK(client.socket.counters().failed == 2);
  }

  TEST_CASE("a unix datagram longer than the buffer is truncated and marked as such") {
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

  TEST_CASE("bursts arrive completely and in order, coalesced or not on either side") {
    Loop loop;
    std::vector<std::string> awkward = numbered(300, 100);
    for (std::size_t i = 0; i < awkward.size(); i += 7) awkward[i].resize(i % 200);
    for (std::size_t i = 0; i < awkward.size(); i += 13) awkward[i].clear();
    const std::vector<std::string> bursts[] = {
        numbered(1, 64),     numbered(64, 64),    numbered(65, 64), numbered(700, 64),
        numbered(100, 1200), numbered(9, 30'000), numbered(300),    awkward};
    for (const char* host : {"127.0.0.1:0", "[::1]:0"}) {
      for (bool sender_offloads : {true, false}) {
        for (bool receiver_offloads : {true, false}) {
          for (const auto& burst : bursts) {
            CAPTURE(host);
            CAPTURE(sender_offloads);
            CAPTURE(receiver_offloads);
            CAPTURE(burst.size());
            DatagramOptions options;
            options.segmentation_offload = receiver_offloads;
            Inbox server(loop, address(host), options);
            ok(server.socket.socket().set(option::receive_buffer, 4 * 1024 * 1024));
            options.segmentation_offload = sender_offloads;
            DatagramSocket client = ok(DatagramSocket::bind(loop, address(host), options));
            loop.post([&] {
              for (const std::string& text : burst) {
                CHECK(client.send(server.socket.address(), text) == WriteStatus::sent);
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

  TEST_CASE("datagrams from one callback to several receivers from several sockets all arrive") {
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

  TEST_CASE("a batch may be forwarded through another socket") {
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

  TEST_CASE("a connected unix socket receives replies") {
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

  TEST_CASE("an object that is no datagram socket, or cannot be bound, is refused") {
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

  TEST_CASE("a datagram socket works the same inside an application's own libuv loop") {
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

  TEST_CASE("a million datagrams are echoed, none lost, duplicated or reordered") {
    constexpr std::uint64_t total = 1'000'000, one_by_one = 100'000;
    constexpr std::uint64_t window = 128;
    Loop loop;
    for (const bool segmentation_offload : {true, false}) {
      CAPTURE(segmentation_offload);
      DatagramOptions options;
      options.segmentation_offload = segmentation_offload;
      const std::uint64_t count = segmentation_offload ? total : one_by_one;
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
