// Servers with a coroutine for each connection.
#pragma once

#include <string_view>
#include <type_traits>
#include <utility>

#include "reactor/coroutine/connection.hpp"
#include "reactor/coroutine/detail/task_session.hpp"
#include "reactor/coroutine/task.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"
#include "reactor/server.hpp"
#include "reactor/server_options.hpp"

namespace reactor::inline v0 {

/// A Server whose sessions are tasks.
using TaskServer = Server<detail::TaskSession>;

/// Listens as Server::listen does, and calls `serve(connection)` for each connection that it
/// accepts. The Task which that returns is the session of the connection.
///
///     auto server = serve(loop, "127.0.0.1:9000", {}, [](Connection connection) -> Task<> {
///       Frames<protocols::LineDecoder> lines(connection);
///       while (auto line = co_await lines.next()) co_await connection.write(upper(*line) + "\n");
///     });
///
/// All limits of ServerOptions apply. When the task ends, its connection is closed in order, after
/// what it wrote; if an exception ends it, the peer receives a reset, and the exception comes out
/// of Loop::run(). When the connection ends first, the task continues with the error if it waits
/// for the connection, and is destroyed when it next waits: what must outlive the connection
/// belongs into a Nursery of the program. TaskServer::drain() ends the input of each connection,
/// and resets those whose tasks have not ended in time.
///
/// A lambda that is a coroutine cannot have captures. One that calls a coroutine can:
///
///     [&accounts](Connection connection) { return log_in(std::move(connection), accounts); }
///
/// Errors    As Server::listen.
/// Lifetime  Destroying the server destroys its tasks and their connections. A task may do so.
/// Cost      For each connection about 300 bytes, and the frame of the coroutine.
template <class Serve>
[[nodiscard]] Result<TaskServer> serve(Loop& loop, std::string_view endpoint, ServerOptions options,
                                       Serve serve_one) {
  static_assert(std::is_invocable_r_v<Task<>, Serve&, Connection>,
                "pass a function that takes a Connection and returns Task<>");
  return TaskServer::listen(
      loop, endpoint, options,
      [&loop, serve = detail::TaskSession::Serve(std::move(serve_one))](Stream& stream) mutable {
        return detail::TaskSession(loop, stream, serve);
      });
}

}  // namespace reactor
