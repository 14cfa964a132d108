// Echo through a kernel that fails or does less: not a byte may be lost.
#include <doctest/doctest.h>

#include <cstdint>
#include <list>
#include <random>
#include <string>

#include "faulty_platform.hpp"
#include "reactor/server.hpp"
#include "support/connection.hpp"
#include "support/loop_modes.hpp"
#include "support/peer.hpp"
#include "support/run_until.hpp"
#include "support/temporary_file.hpp"

using namespace std::chrono_literals;
using reactor::Address;
using reactor::Loop;
using reactor::Server;
using reactor::Stream;
using reactor::WriteStatus;

namespace {

constexpr std::size_t bytes_each = 300'000;

// Echoes in pieces of all sizes, so that some are gathered and some are sent immediately.
struct Echo {
  Stream& stream;
  std::mt19937& random;

  void on_data(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const std::size_t size = std::min<std::size_t>(bytes.size(), 1 + random() % 9000);
      stream.write(bytes.first(size));
      bytes = bytes.subspan(size);
    }
  }
};

// Sends the pattern and compares what is echoed, while it sends.
struct Client {
  Client(Loop& loop, const Address& server) : peer(loop, connect_to(server)) { peer.keep(false); }

  void send() {
    if (peer.over() || sent == bytes_each) return;
    sent += peer.send_some(Pattern::at(sent, std::min<std::size_t>(bytes_each - sent, 5000)));
    if (sent == bytes_each) peer.finish();
  }
  [[nodiscard]] bool whole() const { return peer.received_bytes() == bytes_each && peer.ended(); }

  Peer peer;
  std::size_t sent = 0;
};

}  // namespace

TEST_SUITE("faults") {
  TEST_CASE_TEMPLATE("echo loses no byte to short counts, EINTR, EAGAIN, resets and EMFILE",
                     LoopMode, Standalone, Embedded) {
    constexpr std::size_t clients_each = 20;
    const std::uint32_t first_seed = std::random_device()();
    for (std::uint32_t seed = first_seed; seed != first_seed + 5; ++seed) {
      CAPTURE(seed);
      LoopMode mode;
      Loop& loop = mode.loop;
      std::mt19937 random(seed);
      faulty::inject(seed, {.short_counts = 200,
                            .interrupted = 100,
                            .again = 100,
                            .no_descriptors = 60,
                            .aborted = 60,
                            .doomed = 100});
      auto server = Server<Echo>::listen(loop, any_address(Transport::tcp4),
                                         {.high_water_bytes = 4096}, [&](Stream& stream) {
                                           return Echo{stream, random};
                                         });
      REQUIRE(server);
      std::list<Client> clients;
      for (std::size_t i = 0; i < clients_each; ++i) clients.emplace_back(loop, server->address());
      const auto sending = reactor::Timer::every(loop, 100us, [&] {
        for (Client& client : clients) client.send();
      });
      run_until(
          loop,
          [&] {
            for (Client& client : clients) {
              if (!client.peer.over()) return false;
            }
            return true;
          },
          100s);

      const faulty::Calls calls = faulty::calls();
      std::size_t whole = 0;
      for (const Client& client : clients) {
        CHECK(client.peer.matches_pattern());  // Also the bytes on connections that were reset.
        whole += client.whole();
      }
      CHECK(calls.faults > 100);
      CHECK(whole > 0);
      CHECK(whole + calls.doomed + calls.shed >= clients_each);
      faulty::inject(0, {});
      run_until(loop, [&] { return server->connections() == 0; });
    }
  }

  TEST_CASE_TEMPLATE("close() loses no byte if every call may transfer less than requested",
                     LoopMode, Standalone, Embedded) {
    constexpr std::size_t total = 3'000'000;
    LoopMode mode;
    Loop& loop = mode.loop;
    const std::uint32_t seed = std::random_device()();
    CAPTURE(seed);
    faulty::inject(seed, {.short_counts = 300, .interrupted = 100, .again = 300});
    auto sockets = connected_sockets(Transport::tcp4);
    Stream stream(loop, std::move(sockets[0]));
    Peer peer(loop, std::move(sockets[1]));
    peer.keep(false);
    const TemporaryFile file(Pattern::text(total));
    for (std::size_t written = 0; written < total;) {
      const auto piece = Pattern::at(written, total - written);
      REQUIRE((written % 2 == 0 ? stream.write(piece)
                                : stream.write_file(file.open(), written, piece.size())) !=
              reactor::WriteStatus::closed);
      written += piece.size();
    }
    bool closed = false;
    stream.on_close([&](const reactor::Error& error) {
      CHECK_FALSE(error);
      closed = true;
    });
    stream.close(60s);
    run_until(
        loop, [&] { return peer.over(); }, 100s);
    CHECK(peer.received_bytes() == total);
    CHECK(peer.matches_pattern());
    CHECK(peer.ended());
    peer.close();
    run_until(loop, [&] { return closed; });
    faulty::inject(0, {});
  }

  TEST_CASE_TEMPLATE(
      "a stream whose reads fill the buffer lets other handles run, also while it ends", LoopMode,
      Standalone, Embedded) {
    struct Way {
      const char* name;
      void (*begin)(ConnectedStream&);
    };
    const auto break_it = [](ConnectedStream& on) {
      on.peer.close();
      while (on.stream->write("x") != WriteStatus::closed) continue;
    };
    for (const Way& way : {Way{"open", [](ConnectedStream&) {}},
                           Way{"closing", [](ConnectedStream& on) { on.stream->close(); }},
                           Way{"broken by the peer", break_it}}) {
      for (const std::size_t read_bytes : {std::size_t{16}, SIZE_MAX}) {
        CAPTURE(way.name);
        CAPTURE(read_bytes);
        LoopMode mode;
        Loop& loop = mode.loop;
        ConnectedStream busy(loop), other(loop);
        busy.stream->set_limits({.read_bytes = read_bytes});
        const int fd = busy.stream->socket().fd();
        const std::uint64_t calls_before = faulty::recv_calls(fd);
        faulty::fill_reads(fd, 1000);
        busy.peer.send("x");
        other.peer.send("x");
        way.begin(busy);
        std::uint64_t iterations = 0;
        bool yields = true;
        for (; iterations < 10 || (other.received == 0 && iterations < 100); ++iterations) {
          loop.poll();
          yields = yields && faulty::recv_calls(fd) - calls_before <= 2 * (iterations + 1);
        }
        CHECK(yields);
        CHECK(other.received == 1);
        CHECK(faulty::recv_calls(fd) - calls_before >= iterations / 2);
        faulty::fill_reads(-1, 0);
      }
    }
  }
}
