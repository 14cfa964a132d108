// What coroutines promise beside callbacks: the same bytes, and no allocation for a message.
#include "reactor/coroutine.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/length_prefixed.hpp"
#include "protocols/lines.hpp"
#include "reactor/server.hpp"
#include "support/allocations.hpp"
#include "support/coroutine.hpp"
#include "support/result.hpp"

using namespace std::chrono_literals;
using protocols::LineDecoder;
using reactor::Connection;
using reactor::Frames;
using reactor::Loop;
using reactor::Result;
using reactor::Stream;
using reactor::Task;

namespace {

Task<> echo_bytes(Connection connection) {
  for (;;) {
    const Result<Connection::Bytes> bytes = co_await connection.read();
    if (!bytes || bytes->empty()) co_return;
    co_await connection.write(*bytes);
  }
}

struct EchoBytes {
  Stream& stream;
  void on_data(Stream::Bytes bytes) { stream.write(bytes); }
};

std::string answer_to(std::string_view line) {
  return std::to_string(line.size()) + ":" + std::string(line) + "\n";
}

Task<> answer_lines(Connection connection) {
  Frames<LineDecoder> lines(connection, LineDecoder({.max_line_bytes = 5000}));
  while (const auto line = co_await lines.next()) {
    if (*line == "quit") break;
    co_await connection.write(answer_to(*line));
  }
}

struct AnswerLines {
  Stream& stream;
  void on_frame(std::string_view line) {
    if (line == "quit") return stream.close();
    stream.write(answer_to(line));
  }
};

// All that a server sends to a client that sends `pieces`, each after a pause, and then its end.
template <class Server>
std::string transcript(Loop& loop, const Server& server, const std::vector<std::string>& pieces) {
  Peer client(loop, connect_to(server.address()));
  for (const std::string& piece : pieces) {
    for (std::size_t sent = 0; sent < piece.size(); loop.poll()) {
      sent += client.send_some(std::string_view(piece).substr(sent));
    }
    poll_some(loop);
  }
  client.finish();
  run_until(loop, [&] { return client.over(); });
  return client.received() + (client.ended() ? " end" : " reset");
}

// The same text, cut in several ways.
std::vector<std::vector<std::string>> cuts(const std::string& text) {
  std::vector<std::vector<std::string>> all{{text}};
  for (const std::size_t size : {1UL, 7UL, 4096UL}) {
    if (text.size() / size > 2000) continue;
    auto& pieces = all.emplace_back();
    for (std::size_t at = 0; at < text.size(); at += size) pieces.push_back(text.substr(at, size));
  }
  return all;
}

const std::vector<std::string>& inputs() {
  static const std::vector<std::string> all = {
      "",
      "one\ntwo\n\nthree",
      "one\nquit\nignored\n",
      std::string(6000, 'x') + "\n",
      Pattern::text(3'000'000) + "\nlast\n",
      [] {
        std::string lines;
        for (int i = 0; i < 20'000; ++i) lines += std::to_string(i) + "\n";
        return lines;
      }(),
  };
  return all;
}

}  // namespace

TEST_SUITE("coroutines") {
  TEST_CASE("an echo by coroutine sends the same bytes as one by callbacks") {
    Loop loop;
    const auto coroutine = ok(reactor::serve(loop, "127.0.0.1:0", {}, echo_bytes));
    const auto callbacks = ok(reactor::Server<EchoBytes>::listen(loop, "127.0.0.1:0"));
    for (const std::string& input : inputs()) {
      for (const auto& pieces : cuts(input)) {
        const std::string expected = transcript(loop, callbacks, pieces);
        CHECK(expected == input + " end");
        CHECK((transcript(loop, coroutine, pieces) == expected));
      }
    }
  }

  TEST_CASE("a server of lines by coroutine sends the same bytes as one by callbacks") {
    Loop loop;
    const auto coroutine = ok(reactor::serve(loop, "127.0.0.1:0", {}, answer_lines));
    auto callbacks = ok(reactor::Server<AnswerLines, LineDecoder>::listen(loop, "127.0.0.1:0"));
    callbacks.set_decoder([] { return LineDecoder({.max_line_bytes = 5000}); });
    for (const std::string& input : inputs()) {
      for (const auto& pieces : cuts(input)) {
        CHECK((transcript(loop, coroutine, pieces) == transcript(loop, callbacks, pieces)));
      }
    }
  }

  TEST_CASE("an echo by coroutine allocates nothing for a message, framed or not") {
    Loop loop;
    const auto raw = ok(reactor::serve(loop, "127.0.0.1:0", {}, echo_bytes));
    const auto framed =
        ok(reactor::serve(loop, "127.0.0.1:0", {}, [](Connection connection) -> Task<> {
          Frames<LineDecoder> lines(connection);
          while (const auto line = co_await lines.next()) {
            co_await connection.write(*line);
            co_await connection.write("\n");
          }
        }));
    for (const auto* server : {&raw, &framed}) {
      const reactor::Socket client = connect_to(server->address());
      std::string message = "sixteen bytes..\n";
      const auto round = [&] {
        REQUIRE(send(client.fd(), message.data(), message.size(), 0) == ssize_t{16});
        ssize_t received;
        do {
          loop.run_once();
          received = recv(client.fd(), message.data(), message.size(), MSG_DONTWAIT);
        } while (received < 0);
        REQUIRE(received == ssize_t{16});
      };
      for (int i = 0; i < 10; ++i) round();
      const std::size_t before = allocations::count();
      for (int i = 0; i < 200; ++i) round();
      // Below AddressSanitizer read() copies, to find the use of bytes that are not valid.
      if (!reactor::detail::below_address_sanitizer) {
        CHECK(allocations::count() - before == 0);
      }
    }
  }
}
