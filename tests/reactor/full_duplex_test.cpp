// Two programs on this library send each other random amounts at the same time. Both finish.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>

#include "reactor/relay.hpp"
#include "reactor/stream.hpp"
#include "reactor/timer.hpp"
#include "support/peer.hpp"
#include "support/run_until.hpp"

using namespace std::chrono_literals;
using reactor::Error;
using reactor::Loop;
using reactor::Relay;
using reactor::Socket;
using reactor::Stream;
using reactor::Timer;
using reactor::WriteStatus;

namespace {

class Random {
 public:
  explicit Random(std::uint32_t seed) : engine_(seed) {}
  std::size_t up_to(std::size_t most) { return engine_() % (most + 1); }
  bool one_in(std::size_t n) { return up_to(n - 1) == 0; }

 private:
  std::mt19937 engine_;
};

// Sends a number of bytes of the pattern, reads everything that arrives, pauses now and then, and
// ends when both directions are finished.
class Program {
 public:
  Program(Loop& loop, Socket socket, std::uint32_t seed)
      : loop_(loop), random_(seed), stream_(loop, std::move(socket)) {
    to_send_ = random_.up_to(3 << 20);
    stream_.set_limits({.high_water_bytes = 1 + random_.up_to(100'000),
                        .read_bytes = 1000 + random_.up_to(100'000)});
    stream_.on_drained([this] { produce(); });
    stream_.on_data([this](Stream::Bytes bytes) { consume(bytes); });
    stream_.on_end([this] {
      ended_ = true;
      end_if_done();
    });
    stream_.on_close([this](const Error& error) { closed = error; });
    produce();
  }

  std::optional<Error> closed;
  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  [[nodiscard]] std::uint64_t received() const { return received_; }
  [[nodiscard]] bool matches_pattern() const { return matches_pattern_; }

 private:
  void produce() {
    while (sent_ < to_send_) {
      const std::size_t most = random_.one_in(2) ? 200 : 50'000;
      const auto piece =
          Pattern::at(sent_, std::min<std::uint64_t>(1 + random_.up_to(most), to_send_ - sent_));
      sent_ += piece.size();
      if (write(std::as_bytes(std::span(piece))) == WriteStatus::above_high_water &&
          sent_ < to_send_)
        return;
    }
    if (!std::exchange(shut_, true)) stream_.shutdown();
    end_if_done();
  }

  // In one of the ways that a stream has for it.
  WriteStatus write(Stream::Bytes piece) {
    const Stream::Bytes first = piece.first(random_.up_to(piece.size()));
    const Stream::Bytes second = piece.subspan(first.size());
    if (random_.one_in(3)) return stream_.write(piece);
    if (random_.one_in(2)) return stream_.write({first, {}, second});
    stream_.write(first);
    const std::span<std::byte> room = stream_.reserve(second.size() + random_.up_to(20'000));
    if (random_.one_in(4)) stream_.write(room.first(0));
    std::copy(second.begin(), second.end(), room.begin());
    return stream_.write(room.first(second.size()));
  }

  void consume(Stream::Bytes bytes) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    for (std::size_t at = 0; at < text.size();) {
      const auto expected = Pattern::at(received_ + at, text.size() - at);
      matches_pattern_ = matches_pattern_ && text.substr(at, expected.size()) == expected;
      at += expected.size();
    }
    received_ += text.size();
    if (random_.one_in(10)) {
      stream_.pause();
      resume_ = Timer::after(loop_, std::chrono::microseconds(random_.up_to(2000)),
                             [this] { stream_.resume(); });
    }
  }

  void end_if_done() {
    if (ended_ && shut_) stream_.close(60s);
  }

  Loop& loop_;
  Random random_;
  std::uint64_t to_send_ = 0, sent_ = 0, received_ = 0;
  bool shut_ = false, ended_ = false, matches_pattern_ = true;
  Stream stream_;
  std::optional<Timer> resume_;
};

std::uint32_t first_seed() {
  if (const char* seed = std::getenv("UVREACTOR_SEED")) {
    return static_cast<std::uint32_t>(std::strtoul(seed, nullptr, 10));
  }
  return std::random_device()();
}

}  // namespace

TEST_SUITE("full duplex") {
  TEST_CASE("random programs on both sides finish, with or without a relay between them") {
    const std::uint32_t first = first_seed();
    for (std::uint32_t seed = first; seed != first + 12; ++seed) {
      INFO("UVREACTOR_SEED=" << seed << " replays this");
      Random random(seed);
      Loop loop;
      const Buffers buffers{static_cast<int>(8'000 + random.up_to(100'000)),
                            static_cast<int>(8'000 + random.up_to(100'000))};
      const Transport transport = random.one_in(3) ? Transport::unix_socket : Transport::tcp4;
      auto near = connected_sockets(transport, buffers);
      std::optional<Relay> relay;
      std::optional<Error> relayed;
      Socket far = std::move(near[1]);
      if (random.one_in(2)) {
        auto beyond = connected_sockets(transport, buffers);
        relay.emplace(Stream(loop, std::move(far)), Stream(loop, std::move(beyond[0])),
                      [&](const Error& error) { relayed = error; });
        far = std::move(beyond[1]);
      }
      Program left(loop, std::move(near[0]), seed * 2), right(loop, std::move(far), seed * 2 + 1);
      run_until(loop, [&] { return left.closed && right.closed && (!relay || relayed); });
      CHECK_MESSAGE(!*left.closed, left.closed->message());
      CHECK_MESSAGE(!*right.closed, right.closed->message());
      CHECK(left.received() == right.sent());
      CHECK(right.received() == left.sent());
      CHECK(left.matches_pattern());
      CHECK(right.matches_pattern());
      if (relayed) CHECK_FALSE(*relayed);
    }
  }
}
