#include "reactor/coroutine/connection.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/coroutine.hpp"
#include "support/result.hpp"

using namespace std::chrono_literals;
using reactor::Connection;
using reactor::Loop;
using reactor::Nursery;
using reactor::Result;
using reactor::Task;
using reactor::WriteStatus;

namespace {

// Reads to the end.
Task<> read_all(Connection& connection, std::string& received, std::string& end) {
  for (;;) {
    const Result<Connection::Bytes> bytes = co_await connection.read();
    if (bytes && !bytes->empty()) {
      received += text(*bytes);
      continue;
    }
    end = bytes ? "end" : bytes.error().code.message();
    co_return;
  }
}

Task<> read_once(Connection& connection, std::string& received) {
  const Result<Connection::Bytes> bytes = co_await connection.read();
  received += bytes ? text(*bytes) : bytes.error().code.message();
}

Task<> write_until_full(Connection& connection, std::vector<WriteStatus>& statuses) {
  const std::string piece(64 * 1024, 'x');
  for (int i = 0; i < 100; ++i) {
    statuses.push_back(co_await connection.write(piece));
    if (statuses.back() == WriteStatus::closed) co_return;
  }
}

}  // namespace

TEST_SUITE("connection") {
  TEST_CASE("a reset is the error of the read that waits for it, and of each one after that") {
    Loop loop;
    ConnectedTask line(loop);
    std::string received, end;
    Nursery nursery(loop);
    nursery.start(read_all(line.connection, received, end));
    line.peer.reset();
    run_until(loop, [&] { return nursery.size() == 0; });
    CHECK(end == std::make_error_code(std::errc::connection_reset).message());
    run_task(loop, read_once(line.connection, received));
    CHECK(received == end);
    run_task(loop, [](Connection& connection) -> Task<> {
      CHECK(co_await connection.write("late") == WriteStatus::closed);
      CHECK_FALSE(co_await connection.close());
    }(line.connection));
  }

  TEST_CASE("the end of the input is an empty read, again and again, and output still works") {
    Loop loop;
    ConnectedTask line(loop);
    std::string received, end;
    line.peer.send("last words");
    line.peer.finish();
    run_task(loop, read_all(line.connection, received, end));
    CHECK(received == "last words");
    CHECK(end == "end");
    run_task(loop, read_all(line.connection, received, end));
    run_task(loop, [](Connection& connection) -> Task<> {
      CHECK(co_await connection.write("answer") != WriteStatus::closed);
      CHECK(co_await connection.close());
    }(line.connection));
    run_until(loop, [&] { return line.peer.ended(); });
    CHECK(line.peer.received() == "answer");
  }

  TEST_CASE("what arrives while no task reads stays in the kernel, and is read later") {
    Loop loop;
    ConnectedTask line(loop, small_buffers);
    const std::string sent = Pattern::text(20'000'000);
    std::size_t taken = 0;
    const auto send_more = [&] {
      return line.peer.send_some(std::string_view(sent).substr(taken));
    };
    for (std::size_t more = send_more(); more > 0; more = send_more()) {
      taken += more;
      loop.poll();
    }
    CHECK(taken < sent.size());
    std::string received, end;
    Nursery nursery(loop);
    nursery.start(read_all(line.connection, received, end));
    while (taken < sent.size()) {
      taken += send_more();
      loop.poll();
    }
    line.peer.finish();
    run_until(loop, [&] { return nursery.size() == 0; });
    CHECK(received == sent);
  }

  TEST_CASE("reads that are cancelled, by time or by another, lose no byte") {
    Loop loop;
    ConnectedTask line(loop);
    run_task(loop, [](Loop& on, ConnectedTask& ends) -> Task<> {
      std::string received;
      const std::string sent = Pattern::text(5000);
      for (std::size_t i = 0; i < sent.size(); ++i) {
        // Cancelled before, after and while the byte arrives.
        if (i % 3 == 0) {
          auto bytes = co_await reactor::within(0ms, ends.connection.read());
          if (bytes) received += text(*bytes);
        }
        ends.peer.send(sent.substr(i, 1));
        if (i % 3 == 1) {
          auto first = co_await reactor::any(reactor::sleep(on, 0ms), ends.connection.read());
          if (first.index() == 1) received += text(*std::get<1>(first));
        }
        if (i % 3 == 2) {
          auto bytes = co_await reactor::within(0ms, ends.connection.read());
          if (bytes) received += text(*bytes);
        }
      }
      ends.peer.finish();
      std::string end;
      co_await read_all(ends.connection, received, end);
      CHECK(received == sent);
    }(loop, line));
  }

  TEST_CASE("a write waits while more than the high-water mark is queued") {
    Loop loop;
    ConnectedTask line(loop, small_buffers);
    line.peer.hold();
    line.peer.keep(false);
    std::vector<WriteStatus> statuses;
    Nursery nursery(loop);
    nursery.start(write_until_full(line.connection, statuses));
    poll_some(loop);
    CHECK(nursery.size() == 1);
    CHECK(statuses.size() < 100);
    line.peer.read_on();
    run_until(loop, [&] { return nursery.size() == 0; });
    CHECK(statuses.size() == 100);
    run_until(loop, [&] { return line.peer.received_bytes() == 100 * 64 * 1024; });
  }

  TEST_CASE("a write that waits when the connection ends is closed") {
    Loop loop;
    ConnectedTask line(loop, small_buffers);
    line.peer.hold();
    std::vector<WriteStatus> statuses;
    Nursery nursery(loop);
    nursery.start(write_until_full(line.connection, statuses));
    nursery.start(write_until_full(line.connection, statuses));
    line.peer.reset();
    run_until(loop, [&] { return nursery.size() == 0; });
    CHECK(statuses.back() == WriteStatus::closed);
  }

  TEST_CASE("a destroyed connection cancels what waits for it, in the next iteration") {
    Loop loop;
    auto line = std::make_unique<ConnectedTask>(loop, small_buffers);
    line->peer.hold();
    std::string received;
    std::vector<WriteStatus> statuses;
    Nursery nursery(loop);
    nursery.start(read_once(line->connection, received));
    nursery.start(write_until_full(line->connection, statuses));
    line.reset();
    CHECK(nursery.size() == 2);
    loop.run();
    CHECK(nursery.size() == 0);
    CHECK(received == std::make_error_code(std::errc::operation_canceled).message());
    CHECK(statuses.back() == WriteStatus::closed);
  }

  TEST_CASE("a connection may be destroyed by the task that it resumes") {
    Loop loop;
    auto line = std::make_unique<ConnectedTask>(loop);
    Nursery nursery(loop);
    bool done = false;
    nursery.start([](std::unique_ptr<ConnectedTask>& owned, bool& out) -> Task<> {
      (void)co_await owned->connection.read();
      owned.reset();
      out = true;
    }(line, done));
    line->peer.send("x");
    run_until(loop, [&] { return done; });
    CHECK(nursery.size() == 0);
  }

  TEST_CASE("connect returns a connection, or the error of the address") {
    Loop loop;
    const reactor::Socket listening = listening_socket(Transport::tcp4);
    const std::string endpoint = ok(listening.local_address()).to_string();
    run_task(loop, [](Loop& on, std::string good) -> Task<> {
      auto failed = co_await reactor::connect(on, "unix:/nonexistent/socket");
      CHECK(failure(failed).find("connect unix:/nonexistent/socket") != std::string::npos);
      failed = co_await reactor::connect(on, "no endpoint");
      CHECK_FALSE(failed);
      const Result<Connection> connection = co_await reactor::connect(on, good);
      CHECK(connection);
      std::vector<reactor::Address> addresses;
      addresses.push_back(address(good));
      CHECK(co_await reactor::connect(on, std::move(addresses)));
    }(loop, endpoint));
  }

  TEST_CASE("a connect that is cancelled ends its attempts") {
    Loop loop;
    run_task(loop, [](Loop& on) -> Task<> {
      const auto late =
          co_await reactor::within(1ms, reactor::connect(on, "192.0.2.1:9"));  // RFC 5737
      CHECK_FALSE(late);
    }(loop));
    loop.run();  // Nothing is left.
  }

  TEST_CASE("a connection may use the stream of another object, and closes it in order") {
    Loop loop;
    auto sockets = connected_sockets(Transport::tcp4);
    reactor::Stream stream(loop, std::move(sockets[0]));
    Peer peer(loop, std::move(sockets[1]));
    run_task(loop, [](reactor::Stream& of) -> Task<> {
      Connection connection(of);
      co_await connection.write("hello");
    }(stream));
    run_until(loop, [&] { return peer.ended(); });
    CHECK(peer.received() == "hello");
  }
}
