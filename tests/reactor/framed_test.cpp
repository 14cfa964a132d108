#include "reactor/framed.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/lines.hpp"
#include "reactor/server.hpp"
#include "support/run_until.hpp"

using protocols::LineDecoder;
using reactor::Error;
using reactor::Framed;
using reactor::Loop;
using reactor::Stream;

namespace {

// Two streams, each connected to the other.
struct Ends {
  explicit Ends(Loop& loop) {
    auto sockets = reactor::socket_pair();
    REQUIRE(sockets);
    near.emplace(loop, std::move((*sockets)[0]));
    far.emplace(loop, std::move((*sockets)[1]));
    near->on_close([this](const Error& error) { closed = error; });
    far->on_data([this](Stream::Bytes bytes) {
      ++reads;
      answer += std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    });
  }
  std::optional<Stream> near, far;
  std::optional<Error> closed;
  std::string answer;
  int reads = 0;
};

}  // namespace

TEST_SUITE("framed") {
  TEST_CASE("frames are delivered whole, and the writes of their callbacks are sent together") {
    Loop loop;
    Ends ends(loop);
    std::vector<std::string> lines;
    Framed framed(*ends.near, LineDecoder(), [&](std::string_view line) {
      lines.emplace_back(line);
      ends.near->write(line);
      ends.near->write(";");
    });
    ends.far->write("one\ntwo\nthr");
    run_until(loop, [&] { return ends.answer == "one;two;"; });
    CHECK(ends.reads == 1);
    ends.far->write("ee\n");
    run_until(loop, [&] { return lines == std::vector<std::string>{"one", "two", "three"}; });
  }

  TEST_CASE(
      "no frame is delivered after a pause, and the rest is delivered after resume, without new "
      "bytes") {
    Loop loop;
    Ends ends(loop);
    std::vector<std::string> lines;
    Framed framed(*ends.near, LineDecoder(), [&](std::string_view line) {
      lines.emplace_back(line);
      ends.near->pause();
    });
    ends.far->write("a\nb\nc\nd");
    run_until(loop, [&] { return lines.size() == 1; });
    loop.poll();
    CHECK(lines.size() == 1);
    ends.near->resume();
    run_until(loop, [&] { return lines.size() == 2; });
    ends.near->resume();
    run_until(loop, [&] { return lines.size() == 3; });
    ends.near->resume();
    ends.far->write("\n");
    run_until(loop, [&] { return lines.size() == 4; });
    CHECK(lines == std::vector<std::string>{"a", "b", "c", "d"});
  }

  TEST_CASE("no frame is delivered after its callback ends the stream or the framing") {
    Loop loop;
    for (const int way : {0, 1, 2, 3}) {
      CAPTURE(way);
      Ends ends(loop);
      int frames = 0;
      std::optional<Framed<LineDecoder>> framed;
      framed.emplace(*ends.near, LineDecoder(), [&](std::string_view) {
        ++frames;
        if (way == 0) ends.near.reset();
        if (way == 1) ends.near->close();
        if (way == 2) ends.near->abort();
        if (way == 3) framed.reset();
      });
      ends.far->write("a\nb\nc\n");
      run_until(loop, [&] { return frames > 0; });
      loop.poll();
      CHECK(frames == 1);
    }
  }

  TEST_CASE("a new decoder continues where the previous one was replaced") {
    Loop loop;
    Ends ends(loop);
    std::vector<std::string> seen;
    std::optional<Framed<LineDecoder>> first, second;
    first.emplace(*ends.near, LineDecoder(), [&](std::string_view line) {
      seen.emplace_back(line);
      const auto rest = first->decoder().rest();
      second.emplace(
          *ends.near, LineDecoder(protocols::Lines{.strip = false}),
          [&](std::string_view raw) { seen.emplace_back(raw); }, rest);
      first.reset();
    });
    ends.far->write("a\nb\nc");
    run_until(loop, [&] { return seen.size() == 2; });
    ends.far->write("d\n");
    run_until(loop, [&] { return seen.size() == 3; });
    CHECK(seen == std::vector<std::string>{"a", "b\n", "cd\n"});
  }

  TEST_CASE("a decode error closes the stream with that error, after the earlier replies") {
    Loop loop;
    Ends ends(loop);
    Framed framed(*ends.near, LineDecoder(protocols::Lines{.max_line_bytes = 4}),
                  [&](std::string_view line) { ends.near->write(line); });
    ends.far->write("good\nmuch too long\nnever\n");
    run_until(loop, [&] { return ends.closed.has_value(); });
    CHECK(ends.closed->code == protocols::make_error_code(protocols::DecodeError::too_large));
    CHECK(ends.closed->message().starts_with("decode data from unix socket: "));
    run_until(loop, [&] { return ends.answer == "good"; });
  }

  TEST_CASE("the end of input inside a frame is an error, and between frames it is not") {
    Loop loop;
    for (const bool inside : {false, true}) {
      CAPTURE(inside);
      Ends ends(loop);
      Framed framed(*ends.near, LineDecoder(), [](std::string_view) {});
      ends.far->write(inside ? "whole\nhal" : "whole\n");
      ends.far->shutdown();
      run_until(loop, [&] { return ends.closed.has_value(); });
      if (inside) {
        CHECK(ends.closed->code == reactor::ended_inside_frame());
      } else {
        CHECK_FALSE(*ends.closed);
      }
    }
  }

  TEST_CASE("framing may be destroyed, or its callback replaced, at the end of input") {
    Loop loop;
    for (const bool destroyed : {false, true}) {
      CAPTURE(destroyed);
      Ends ends(loop);
      std::optional<Framed<LineDecoder>> framed;
      int ended = 0;
      framed.emplace(*ends.near, LineDecoder(), [](std::string_view) {});
      framed->on_end([&, captured = std::make_unique<int>(1)] {
        destroyed ? framed.reset() : framed->on_end(nullptr);
        ended += *captured;
      });
      ends.far->write("whole\n");
      ends.far->shutdown();
      run_until(loop, [&] { return ended == 1; });
    }
  }

  TEST_CASE("if a callback throws, the later frames are delivered when the loop runs again") {
    Loop loop;
    Ends ends(loop);
    std::vector<std::string> lines;
    Framed framed(*ends.near, LineDecoder(), [&](std::string_view line) {
      lines.emplace_back(line);
      if (line == "bad") throw std::runtime_error("bad line");
    });
    ends.far->write("good\nbad\nmore\n");
    CHECK_THROWS_WITH(run_until(loop, [&] { return lines.size() == 3; }), "bad line");
    run_until(loop, [&] { return lines.size() == 3; });
    CHECK(lines.back() == "more");
  }

  TEST_CASE("no more is read from a peer that does not read its replies, and it loses none") {
    Loop loop;
    Ends ends(loop);
    ends.near->set_limits({.high_water_bytes = 1000, .pause_reading_above_high_water = true});
    const std::string answer(100'000, 'x');
    int frames = 0;
    std::size_t answered = 0;
    Framed framed(*ends.near, LineDecoder(), [&](std::string_view) {
      ++frames;
      ends.near->write(answer);
    });
    ends.far->pause();
    std::string questions;
    for (int i = 0; i < 1000; ++i) questions += "q\n";
    ends.far->write(questions);
    run_until(loop, [&] { return ends.near->queued_bytes() > 1000; });
    loop.poll();
    CHECK(frames < 20);
    ends.far->on_data([&](Stream::Bytes bytes) { answered += bytes.size(); });
    ends.far->resume();
    run_until(loop, [&] { return answered == 1000 * answer.size(); });
    CHECK(frames == 1000);
  }

  struct Shout {
    Stream& stream;
    void on_frame(std::string_view line) { stream.write(std::string(line) + "!\n"); }
  };

  TEST_CASE("a server with a decoder passes whole messages to its sessions") {
    Loop loop;
    auto server = reactor::Server<Shout, LineDecoder>::listen(loop, "127.0.0.1:0");
    REQUIRE(server);
    auto client = Stream::connect(loop, server->address());
    REQUIRE(client);
    std::string answers;
    client->on_data([&](Stream::Bytes bytes) { answers += protocols::as_text(bytes); });
    client->write("hello\nworld\n");
    run_until(loop, [&] { return answers == "hello!\nworld!\n"; });
  }
}
