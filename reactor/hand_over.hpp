// Replaces a running server by its next version: the sockets pass from one process to the other.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/callback.hpp"
#include "reactor/duration.hpp"
#include "reactor/handle.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"
#include "reactor/socket.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// What a process passes to its successor: its sockets, and a name for each.
struct OfferedSockets {
  std::string name;  ///< 1 to 255 bytes, none of them a control character.
  std::vector<int> descriptors;
};

/// Passes the sockets of a process to the process that replaces it. The sockets listen all the
/// time, so no client is refused, and a connection that waits is accepted by one of the two.
///
///     auto hand_over = HandOver::join(loop, "unix:/run/echo/hand-over");
///     if (!hand_over) return Failure(hand_over.error());
///     Socket passed = hand_over->take("echo");
///     auto server = passed ? Server<Echo>::adopt(loop, std::move(passed), {}, make_session)
///                          : Server<Echo>::listen(loop, "127.0.0.1:9000");
///     if (!server) return Failure(server.error());
///     auto ready = hand_over->ready([&] { return Offer{{"echo", server->descriptors()}}; },
///                                   [&] { server->hand_over(30s); });
///     loop.run();
///
/// The second process that is started with the same path is the successor of the first. If it ends
/// before it is ready, or is never ready, the first continues as if nothing had happened. Then a
/// third process is the successor of the second, and so on.
///
/// Only a process of the same user, or of root, gets the sockets, and accepts them.
///
/// Lifetime  Destroying it ends the offer. It does not keep the loop running. The file of the path
///           stays.
/// Thread    The loop's thread only.
class HandOver {
 public:
  using Offer = std::vector<OfferedSockets>;

  /// Becomes the successor of the process that is ready at the unix path `endpoint`, and receives
  /// its sockets. If there is none, this process is the first.
  ///
  /// Errors    timed_out: that process does not respond within `timeout`; connection_aborted: it
  ///           refuses, or has ended; permission_denied: it belongs to another user; bad_message:
  ///           it is another program; operation_not_supported: the system keeps no credentials of
  ///           peers; as Socket::bind.
  /// Cost      Blocks until it responds.
  [[nodiscard]] static Result<HandOver> join(Loop& loop, std::string_view endpoint,
                                             Duration timeout = std::chrono::seconds(10));

  /// True for a successor, until it is ready.
  [[nodiscard]] bool has_predecessor() const;

  /// The next socket that the predecessor passed under this name; owns nothing if there is none
  /// left. Take all of a name: ready() closes those that were not taken, and their waiting
  /// connections are reset.
  [[nodiscard]] Socket take(std::string_view name);

  /// This process serves. Its predecessor stops to accept, and from now on this process waits for a
  /// successor. For each it calls `offer`, which returns what to pass; once a successor is ready it
  /// calls `on_successor`, which stops to accept: see Server::hand_over and UdpServer::drain. What
  /// they throw leaves run().
  ///
  /// Errors    As join(): then the predecessor continues to serve, and this process should end;
  ///           invalid_argument: a bad name in the offer, or more than 252 sockets.
  /// Cost      Blocks until the predecessor has stopped to accept.
  [[nodiscard]] Result<void> ready(Callback<Offer()> offer, Callback<void()> on_successor);

 private:
  struct [[gnu::visibility("hidden")]] State;

  explicit HandOver(Handle<State> state) : state_(std::move(state)) {}

  Handle<State> state_;
};

}  // namespace reactor
#pragma GCC visibility pop
