#include "reactor/coroutine/frames.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/length_prefixed.hpp"
#include "protocols/lines.hpp"
#include "support/coroutine.hpp"

using namespace std::chrono_literals;
using protocols::LineDecoder;
using reactor::Connection;
using reactor::Error;
using reactor::Frames;
using reactor::Loop;
using reactor::Nursery;
using reactor::Result;
using reactor::Task;

namespace {

using Lines = std::vector<std::string>;

Task<> collect(Connection& connection, Lines& lines, std::optional<Error>& end) {
  Frames<LineDecoder> frames(connection);
  for (;;) {
    const Result<std::string_view> line = co_await frames.next();
    if (!line) {
      end = line.error();
      co_return;
    }
    lines.emplace_back(*line);
  }
}

// Runs collect() on what a peer sends before it ends its side.
std::optional<Error> collected(std::string_view sent, Lines& lines) {
  Loop loop;
  ConnectedTask line(loop);
  line.peer.send(sent);
  line.peer.finish();
  std::optional<Error> end;
  run_task(loop, collect(line.connection, lines, end));
  return end;
}

}  // namespace

TEST_SUITE("frames") {
  TEST_CASE("the lines before a bad one are returned, then the error of the decoder") {
    Loop loop;
    ConnectedTask line(loop);
    run_task(loop, [](ConnectedTask& ends) -> Task<> {
      Frames<LineDecoder> lines(ends.connection, LineDecoder({.max_line_bytes = 4}));
      ends.peer.send("good\ntoo long\nnever");
      CHECK(co_await lines.next() == "good");
      for (int i = 0; i < 2; ++i) {
        const auto bad = co_await lines.next();
        CHECK_FALSE(bad);
        CHECK(bad.error());
      }
    }(line));
  }

  TEST_CASE("an end between lines is an error without a code, one inside a line is not in order") {
    Lines lines;
    const auto orderly = collected("one\ntwo\n", lines);
    CHECK(orderly);
    CHECK_FALSE(*orderly);
    CHECK(lines == Lines{"one", "two"});
    const auto inside = collected("three\nfou", lines);
    CHECK(inside->code == reactor::ended_inside_frame());
    CHECK(lines.back() == "three");
  }

  TEST_CASE(
      "lines are the same wherever the stream is cut, also when the task waits between them") {
    const std::string sent = "one\ntwo\n\nthree and more\n";
    for (std::size_t cut = 0; cut <= sent.size(); ++cut) {
      Loop loop;
      ConnectedTask line(loop);
      Lines lines;
      run_task(
          loop,
          [](Loop& on, ConnectedTask& ends, std::string all, std::size_t at, Lines& out) -> Task<> {
            Frames<LineDecoder> frames(ends.connection);
            ends.peer.send(all.substr(0, at));
            co_await reactor::sleep(on, 0ms);
            ends.peer.send(all.substr(at));
            ends.peer.finish();
            while (const auto next = co_await frames.next()) {
              out.emplace_back(*next);
              co_await reactor::sleep(on, 0ms);
            }
          }(loop, line, sent, cut, lines));
      CHECK(lines == Lines{"one", "two", "", "three and more"});
    }
  }

  TEST_CASE("a next() that is cancelled loses no frame and no byte") {
    Loop loop;
    ConnectedTask line(loop);
    run_task(loop, [](Loop& on, ConnectedTask& ends) -> Task<> {
      Frames<LineDecoder> frames(ends.connection);
      Lines lines, sent;
      for (int i = 0; i < 600; ++i) {
        const std::string number = std::to_string(i);
        sent.push_back(number);
        if (i % 2 == 0) (void)co_await reactor::within(0ms, reactor::sleep(on, 1h));
        ends.peer.send(number.substr(0, 1));
        auto next = co_await reactor::within(0ms, frames.next());
        if (next) lines.emplace_back(*next);
        ends.peer.send(number.substr(1) + "\n");
        auto first = co_await reactor::any(reactor::sleep(on, 0ms), frames.next());
        if (first.index() == 1) lines.emplace_back(*std::get<1>(first));
      }
      ends.peer.finish();
      while (const auto next = co_await frames.next()) lines.emplace_back(*next);
      CHECK(lines == sent);
    }(loop, line));
  }

  TEST_CASE("bytes that another decoder left over are decoded first") {
    Loop loop;
    ConnectedTask line(loop);
    run_task(loop, [](ConnectedTask& ends) -> Task<> {
      const std::string rest = "one\ntw";
      Frames<LineDecoder> lines(ends.connection, {}, std::as_bytes(std::span(rest)));
      CHECK(co_await lines.next() == "one");
      ends.peer.send("o\n");
      CHECK(co_await lines.next() == "two");
    }(line));
  }

  TEST_CASE("a connection that is destroyed cancels next(), and may be outlived by its Frames") {
    Loop loop;
    auto line = std::make_unique<ConnectedTask>(loop);
    std::optional<Error> end;
    Lines lines;
    Nursery nursery(loop);
    nursery.start(collect(line->connection, lines, end));
    line.reset();
    loop.run();
    CHECK(end->code == std::errc::operation_canceled);
  }

  TEST_CASE("the task of a frame may destroy the frames, the connection or both, in any order") {
    for (const bool frames_first : {true, false}) {
      for (const bool both : {true, false}) {
        Loop loop;
        auto line = std::make_unique<ConnectedTask>(loop);
        bool done = false;
        Nursery nursery(loop);
        nursery.start(
            [](std::unique_ptr<ConnectedTask>& owned, bool first, bool all, bool& out) -> Task<> {
              auto frames = std::make_unique<Frames<LineDecoder>>(owned->connection);
              (void)co_await frames->next();
              if (first) frames.reset();
              if (!first || all) owned.reset();
              if (all) frames.reset();
              out = true;
            }(line, frames_first, both, done));
        line->peer.send("one\ntwo\n");
        run_until(loop, [&] { return done; });
        poll_some(loop);
      }
    }
  }

  TEST_CASE("one decoder after another on one connection, as after an upgrade") {
    Loop loop;
    ConnectedTask line(loop);
    run_task(loop, [](ConnectedTask& ends) -> Task<> {
      {
        Frames<LineDecoder> lines(ends.connection);
        ends.peer.send("upgrade\n");
        CHECK(co_await lines.next() == "upgrade");
      }
      Frames<protocols::LengthPrefixedDecoder> frames(ends.connection);
      std::vector<std::byte> sent;
      REQUIRE(protocols::append_length_prefixed(sent, protocols::as_bytes("binary")));
      ends.peer.send(text(sent));
      CHECK(text(*co_await frames.next()) == "binary");
    }(line));
  }
}
