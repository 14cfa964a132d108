#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "reactor/datagram.hpp"
#include "support/inbox.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"

using namespace reactor;
using Batch = std::span<const Datagram>;

TEST_SUITE("datagram") {
  TEST_CASE("datagrams that a callback leaves for later are delivered later, in order") {
    for (const std::string how : {"throw", "return", "pause", "remove"}) {
      CAPTURE(how);
      Loop loop;
      DatagramOptions options;
      options.packet_info = true;
      DatagramSocket server = ok(DatagramSocket::bind(loop, "127.0.0.1:0", options));
      DatagramSocket client = ok(DatagramSocket::connect(loop, server.address()));
      const Address client_at = client.address();
      Inbox other(loop, address("127.0.0.1:0"));
      std::vector<std::string> handled, expected;
      int batches = 0;
      // Each call handles three datagrams.
      const std::function<void(Batch)> handle = [&](Batch batch) {
        ++batches;
        for (const Datagram& datagram : batch.first(std::min<std::size_t>(batch.size(), 3))) {
          handled.emplace_back(datagram.text());
          CHECK(datagram.sender == client_at);
          REQUIRE(datagram.packet_info);
          CHECK(datagram.packet_info->destination == server.address());
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
        // Other sockets receive into the same buffers meanwhile.
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

  TEST_CASE(
      "a paused socket receives nothing, and once resumed receives what has arrived meanwhile") {
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

  TEST_CASE("a batch that does not fit one read is continued after other handles were served") {
    Loop loop;
    Inbox server(loop, address("127.0.0.1:0"));
    ok(server.socket.socket().set(option::receive_buffer, 4 * 1024 * 1024));
    DatagramOptions options;
    options.segmentation_offload = false;
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

  TEST_CASE("a socket with queued datagrams may be destroyed by its receive callback") {
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
      while (socket->send(full.socket.address(), std::string(100'000, 'x')) !=
             WriteStatus::refused) {
      }
      CHECK(socket->queued_bytes() > 0);
      peer.send(by_itself ? socket->address() : other.address(), "end");
      run_until(loop, [&] { return gone; });
      full.socket.resume();
      for (int i = 0; i < 10; ++i) loop.poll();
      CHECK_FALSE(drained);
      full.socket.pause();
    }
  }

  TEST_CASE("a callback may replace or remove itself") {
    Loop loop;
    DatagramSocket server = ok(DatagramSocket::bind(loop, "127.0.0.1:0"));
    std::vector<std::string> reported;
    server.on_received([&, first = std::string("first")](Batch) {
      server.on_received([&](Batch) {
        reported.push_back("second");
        server.on_received(nullptr);
      });
      reported.push_back(first);
    });
    DatagramSocket client = ok(DatagramSocket::connect(loop, server.address()));
    client.send("x");
    run_until(loop, [&] { return reported.size() == 1; });
    client.send("x");
    run_until(loop, [&] { return reported.size() == 2; });
    CHECK(reported == std::vector<std::string>{"first", "second"});
  }

  TEST_CASE("a socket keeps the loop running while it receives or has datagrams to send") {
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

  TEST_CASE("an exception of a callback leaves run(), and no datagram is lost") {
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
}
