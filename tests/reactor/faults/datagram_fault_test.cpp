// Datagrams through a kernel that fails or does less: none may be lost, duplicated or reordered.
#include <doctest/doctest.h>

#include <cerrno>
#include <random>
#include <string>
#include <vector>

#include "faulty_platform.hpp"
#include "reactor/datagram.hpp"
#include "support/inbox.hpp"
#include "support/loop_modes.hpp"
#include "support/platform.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"

using namespace std::chrono_literals;
using reactor::Datagram;
using reactor::DatagramSocket;
using reactor::Loop;
using Batch = std::span<const Datagram>;

namespace {

// Datagrams that a kernel would coalesce, next to others that it would not.
std::vector<std::string> mixed(std::size_t count) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) {
    std::string text = std::to_string(i) + ":";
    text.resize(i % 50 == 0 ? 40 : 100, 'x');
    texts.push_back(std::move(text));
  }
  return texts;
}

// With room for everything that a test sends.
struct LargeInbox : Inbox {
  explicit LargeInbox(Loop& loop) : Inbox(loop, address("127.0.0.1:0")) {
    ok(socket.socket().set(reactor::option::receive_buffer, 4 * 1024 * 1024));
  }
};

// The faults end with the test, also if it fails.
struct Injected {
  Injected(std::uint32_t seed, const faulty::Rates& rates) { faulty::inject(seed, rates); }
  Injected(const Injected&) = delete;
  Injected& operator=(const Injected&) = delete;
  ~Injected() { faulty::inject(0, {}); }
};

}  // namespace

TEST_SUITE("faults") {
  TEST_CASE_TEMPLATE(
      "datagrams that cannot be coalesced are sent one by one, and coalescing is not tried again",
      LoopMode, Standalone, Embedded) {
    if (on_portable_platform()) {
      MESSAGE("skipped: the portable platform coalesces nothing");
      return;
    }
    const auto texts = mixed(300);
    for (const int number : {EIO, EINVAL, EOPNOTSUPP, EMSGSIZE}) {
      CAPTURE(number);
      LoopMode mode;
      Loop& loop = mode.loop;
      LargeInbox inbox(loop);
      DatagramSocket client = ok(DatagramSocket::bind(loop, "127.0.0.1:0"));
      std::vector<std::string> errors;
      client.on_error([&](const reactor::Error& error) { errors.push_back(error.message()); });
      const Injected injected(0, {.gso = number});
      const auto burst = [&] {
        const std::size_t before = inbox.messages.size();
        loop.post([&] {
          for (const std::string& text : texts) client.send(inbox.socket.address(), text);
        });
        run_until(loop, [&] { return inbox.messages.size() == before + texts.size(); });
        const auto received = inbox.texts();
        CHECK(std::equal(texts.begin(), texts.end(), received.end() - 300));
      };
      burst();
      CHECK(faulty::calls().gso > 0);
      const std::uint64_t tried = faulty::calls().gso;
      burst();
      CHECK(faulty::calls().gso == tried);
      CHECK(client.counters().sent == 2 * texts.size());
      CHECK(client.counters().failed == 0);
      CHECK(errors.empty());
    }
  }

  TEST_CASE_TEMPLATE("echo loses no datagram to partial batches, EINTR, EAGAIN and ENOBUFS",
                     LoopMode, Standalone, Embedded) {
    constexpr std::size_t total = 20'000, window = 100;
    const std::uint32_t first_seed = std::random_device()();
    for (std::uint32_t seed = first_seed; seed != first_seed + 3; ++seed) {
      CAPTURE(seed);
      LoopMode mode;
      Loop& loop = mode.loop;
      DatagramSocket server = ok(DatagramSocket::bind(loop, "127.0.0.1:0"));
      server.on_received([&](Batch batch) {
        for (const Datagram& datagram : batch) server.reply(datagram, datagram.bytes);
      });
      DatagramSocket client = ok(DatagramSocket::connect(loop, server.address()));
      const auto texts = mixed(total);
      std::size_t sent = 0, received = 0, wrong = 0;
      const auto fill_window = [&] {
        for (; sent < total && sent - received < window; ++sent) client.send(texts[sent]);
      };
      client.on_received([&](Batch batch) {
        for (const Datagram& datagram : batch) wrong += datagram.text() != texts[received++];
        fill_window();
      });
      const Injected injected(
          seed, {.short_counts = 200, .interrupted = 50, .again = 50, .no_buffers = 50});
      loop.post(fill_window);
      run_until(
          loop, [&] { return received == total; }, 100s);
      CHECK(wrong == 0);
      CHECK(faulty::calls().faults > 100);
      for (const DatagramSocket* socket : {&client, &server}) {
        CHECK(socket->counters().sent == total);
        CHECK(socket->counters().received == total);
        CHECK(socket->counters().failed + socket->counters().dropped == 0);
      }
    }
  }

  TEST_CASE("a reply that had to wait is sent from the address that the request was sent to") {
    Loop loop;
    DatagramSocket server = ok(DatagramSocket::bind(loop, "0.0.0.0:0"));
    reactor::Address to = address("127.0.0.2:0");
    to.set_port(server.address().port());
    DatagramSocket client = ok(DatagramSocket::connect(loop, to));
    std::size_t arrived = 0, queued = 0;
    client.on_received([&](Batch batch) { arrived += batch.size(); });
    server.on_received([&](Batch batch) {
      faulty::inject(0, {.no_buffers = 1000});
      for (const Datagram& datagram : batch) {
        reactor::Address sender = datagram.sender;
        reactor::PacketInfo packet_info = *datagram.packet_info;
        server.reply({.bytes = {}, .sender = sender, .packet_info = &packet_info}, datagram.bytes);
        sender = packet_info.local = address("127.0.0.9:9");
      }
    });
    const Injected ends_with_the_test(0, {});
    client.send("one");
    client.send("two");
    run_until(loop, [&] { return server.queued_bytes() > 0; });
    queued = server.queued_bytes();
    CHECK(queued > 0);
    faulty::inject(0, {});
    run_until(loop, [&] { return arrived == 2; });
    CHECK(server.counters().sent == 2);
  }

  TEST_CASE("a queued datagram goes to the peer that the socket had when it was sent") {
    Loop loop;
    LargeInbox first(loop), second(loop);
    DatagramSocket client = ok(DatagramSocket::connect(loop, first.socket.address()));
    {
      const Injected injected(0, {.no_buffers = 1000});
      CHECK(client.send("to the first") == reactor::WriteStatus::queued);
      ok(client.socket().connect(second.socket.address()));
      CHECK(client.send("to the second") == reactor::WriteStatus::queued);
    }
    run_until(loop, [&] { return !first.messages.empty() && !second.messages.empty(); });
    CHECK(first.texts() == std::vector<std::string>{"to the first"});
    CHECK(second.texts() == std::vector<std::string>{"to the second"});
  }

  TEST_CASE(
      "datagrams that the kernel has no buffers for are queued, and a full queue is reported") {
    Loop loop;
    LargeInbox inbox(loop);
    reactor::DatagramOptions options;
    options.max_queued_bytes = 10'000;
    DatagramSocket client = ok(DatagramSocket::connect(loop, inbox.socket.address(), options));
    int drained = 0;
    client.on_drained([&] { ++drained; });
    std::vector<std::string> taken;
    {
      const Injected injected(0, {.no_buffers = 1000});
      for (const std::string& text : mixed(100)) {
        const reactor::WriteStatus result = client.send(text);
        if (result == reactor::WriteStatus::queued) taken.push_back(text);
        CHECK((result == reactor::WriteStatus::queued || result == reactor::WriteStatus::refused));
      }
      const auto tries = faulty::calls().send;
      for (int i = 0; i < 3; ++i) loop.run_once();  // One iteration each millisecond.
      CHECK(faulty::calls().send <= tries + 3);
      CHECK(client.queued_bytes() > 0);
    }
    run_until(loop, [&] { return drained == 1; });
    run_until(loop, [&] { return inbox.messages.size() == taken.size(); });
    CHECK(inbox.texts() == taken);
    CHECK(client.counters().failed + client.counters().dropped == 0);
  }
}
