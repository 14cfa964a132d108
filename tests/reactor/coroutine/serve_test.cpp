#include "reactor/coroutine/serve.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "protocols/lines.hpp"
#include "reactor/server.hpp"
#include "support/coroutine.hpp"
#include "support/result.hpp"

using namespace std::chrono_literals;
using reactor::Connection;
using reactor::Loop;
using reactor::Nursery;
using reactor::Result;
using reactor::Task;
using reactor::TaskServer;

namespace {

Task<> echo(Connection connection) {
  for (;;) {
    const Result<Connection::Bytes> bytes = co_await connection.read();
    if (!bytes || bytes->empty()) break;
    co_await connection.write(*bytes);
  }
  co_await connection.write("bye");
}

Task<> wait_for_ever(Loop& loop, Connection, Witness) { co_await reactor::sleep(loop, 1h); }

Peer client_of(Loop& loop, const TaskServer& server) {
  return {loop, connect_to(server.address())};
}

}  // namespace

TEST_SUITE("serve") {
  TEST_CASE("the errors of listening are those of a Server") {
    Loop loop;
    CHECK_FALSE(reactor::serve(loop, "no endpoint", {}, echo));
    CHECK_FALSE(reactor::serve(loop, "127.0.0.1:0", {.max_connections = 0}, echo));
  }

  TEST_CASE("each connection has a task, and is closed in order when it ends") {
    Loop loop;
    auto server = ok(reactor::serve(loop, "127.0.0.1:0", {}, echo));
    Peer first = client_of(loop, server), second = client_of(loop, server);
    first.send("one");
    second.send("two");
    run_until(loop, [&] { return first.received() == "one" && second.received() == "two"; });
    CHECK(server.connections() == 2);
    first.finish();
    run_until(loop, [&] { return first.ended() && server.connections() == 1; });
    CHECK(first.received() == "onebye");
  }

  TEST_CASE("a task that throws resets its connection, and the exception leaves Loop::run") {
    Loop loop;
    auto server = ok(reactor::serve(loop, "127.0.0.1:0", {}, [](Connection connection) -> Task<> {
      co_await connection.write("half of the resp");
      (void)co_await connection.read();
      throw std::runtime_error("out of ideas");
    }));
    Peer client = client_of(loop, server);
    run_until(loop, [&] { return client.received() == "half of the resp"; });
    client.send("x");
    CHECK_THROWS_AS(run_until(loop, [&] { return client.over(); }), std::runtime_error);
    run_until(loop, [&] { return client.over() && server.connections() == 0; });
    CHECK(client.error() == ECONNRESET);
  }

  TEST_CASE("a task ends with its connection, wherever it waits, so that the limits hold") {
    Loop loop;
    bool destroyed = false;
    auto server =
        ok(reactor::serve(loop, "127.0.0.1:0", {.max_connections = 1}, [&](Connection connection) {
          return wait_for_ever(loop, std::move(connection), Witness(destroyed));
        }));
    Peer client = client_of(loop, server);
    run_until(loop, [&] { return server.connections() == 1; });
    CHECK_FALSE(destroyed);
    client.reset();
    run_until(loop, [&] { return server.connections() == 0; });
    CHECK(destroyed);
  }

  TEST_CASE("a connection that never sends is ended by the server's time limits") {
    Loop loop;
    auto server = ok(reactor::serve(loop, "127.0.0.1:0", {.first_progress_timeout = 1ms}, echo));
    Peer client = client_of(loop, server);
    run_until(loop, [&] { return client.over(); });
    run_until(loop, [&] { return server.connections() == 0; });
  }

  TEST_CASE("drain ends the input of each connection, and the tasks end in order") {
    Loop loop;
    auto server = ok(reactor::serve(loop, "127.0.0.1:0", {}, echo));
    Peer client = client_of(loop, server);
    client.send("one");
    run_until(loop, [&] { return client.received() == "one"; });
    server.drain();
    run_until(loop, [&] { return client.ended(); });
    CHECK(client.received() == "onebye");
    client.close();
    loop.run();  // Nothing is left.
  }

  TEST_CASE("drain resets what has not ended in time") {
    Loop loop;
    bool destroyed = false;
    auto server = ok(reactor::serve(loop, "127.0.0.1:0", {}, [&](Connection connection) {
      return wait_for_ever(loop, std::move(connection), Witness(destroyed));
    }));
    Peer client = client_of(loop, server);
    run_until(loop, [&] { return server.connections() == 1; });
    server.drain(1ms);
    run_until(loop, [&] { return client.over(); });
    CHECK(destroyed);
  }

  TEST_CASE("a server may be destroyed by one of its tasks, at each of its waits") {
    for (const int reads : {0, 1, 2}) {
      CAPTURE(reads);
      Loop loop;
      std::optional<TaskServer> server;
      static std::optional<TaskServer>* destroyed_server;
      static int reads_before;
      destroyed_server = &server;
      reads_before = reads;
      server = ok(reactor::serve(loop, "127.0.0.1:0", {}, [](Connection connection) -> Task<> {
        for (int i = 0; i < reads_before; ++i) (void)co_await connection.read();
        destroyed_server->reset();
        if (reads_before == 0) co_return;  // Its session is not complete yet.
        CHECK(co_await connection.write("late") == reactor::WriteStatus::closed);
        CHECK_FALSE(co_await connection.read());
        CHECK_FALSE(co_await connection.close());
      }));
      Peer client = client_of(loop, *server);
      for (int i = 0; i < reads; ++i) {
        client.send("x");
        poll_some(loop);
      }
      run_until(loop, [&] { return !server && client.over(); });
    }
  }

  TEST_CASE("a connection that its task has moved to another nursery outlives the session") {
    Loop loop;
    std::optional<Connection> kept;
    auto server = ok(reactor::serve(loop, "127.0.0.1:0", {}, [&](Connection connection) {
      return [](Connection mine, std::optional<Connection>& keep) -> Task<> {
        keep.emplace(std::move(mine));
        (void)co_await keep->read();
      }(std::move(connection), kept);
    }));
    Peer client = client_of(loop, server);
    run_until(loop, [&] { return kept.has_value(); });
    client.reset();
    run_until(loop, [&] { return server.connections() == 0; });
    CHECK(kept->stream() == nullptr);
    run_task(loop, [](Connection& connection) -> Task<> {
      CHECK_FALSE(co_await connection.read());
      CHECK(co_await connection.write("x") == reactor::WriteStatus::closed);
    }(*kept));
  }
}
