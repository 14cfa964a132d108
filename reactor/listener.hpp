// Accepts connections, TCP or unix, also when the process runs out of descriptors.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/callback.hpp"
#include "reactor/handle.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"
#include "reactor/socket.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// How a socket listens.
struct ListenOptions {
  /// Connections that the kernel completes and keeps until they are accepted. The kernel also
  /// limits them by net.core.somaxconn. With 0 it keeps one.
  int backlog = 4096;
  /// Several listeners of this process share the port, and the kernel distributes the connections
  /// over them. A port of another process counts as in use. To share it with another process, set
  /// option::reuse_port on a Socket of your own, bind it, listen, and adopt() it.
  bool reuse_port = false;
};

/// Accepts connections and passes each to a callback.
///
///     auto listener = Listener::listen(loop, address, [&](Socket socket, const Address& peer) {
///       clients.emplace_back(loop, std::move(socket), peer);
///     });
///     if (!listener) return Failure(listener.error());
///
/// When the process has no descriptor left, a reserved descriptor is used to accept and close one
/// waiting connection, so that its client is notified immediately. Then accepting pauses for 5 ms,
/// and twice as long each further time, up to a second. Open connections are not affected.
///
/// Lifetime  Destroying the Listener stops listening and removes a unix socket's file. The kernel
///           resets connections that it has accepted and the Listener has not passed on: drain()
///           passes them on first.
/// Thread    The loop's thread only.
class Listener {
 public:
  using OnAccept = Callback<void(Socket socket, const Address& peer)>;

  /// With port 0 the kernel chooses a port, which address() returns. TCP connections have Nagle's
  /// algorithm off.
  ///
  /// Errors    address_in_use, permission_denied, address_not_available; for a unix path also
  ///           no_such_file_or_directory; invalid_argument: a negative backlog.
  [[nodiscard]] static Result<Listener> listen(Loop& loop, const Address& address,
                                               OnAccept on_accept);
  [[nodiscard]] static Result<Listener> listen(Loop& loop, const Address& address,
                                               ListenOptions options, OnAccept on_accept);

  /// Listens on every address of `HOST:PORT`, `[::1]:PORT` or `unix:PATH`: `localhost` has one for
  /// IPv4 and one for IPv6. For port 0 the kernel chooses one port for all. An address that this
  /// host does not have is left out if another one is left.
  ///
  /// Errors    As resolve_now, and as above.
  [[nodiscard]] static Result<Listener> listen(Loop& loop, std::string_view endpoint,
                                               ListenOptions options, OnAccept on_accept);

  /// Accepts from a socket that already listens: one from socket activation, or one that several
  /// loops share. Each connection on a shared socket wakes one of the loops.
  ///
  /// Errors    invalid_argument: the socket does not listen.
  [[nodiscard]] static Result<Listener> adopt(Loop& loop, Socket socket, OnAccept on_accept);

  /// Called when accepting failed, at most once a second; the listener continues by itself.
  void on_error(Callback<void(const Error&)> on_error);

  /// The address on which it listens; of several addresses the first.
  [[nodiscard]] const Address& address() const;

  /// All addresses that it listens on.
  [[nodiscard]] std::vector<Address> addresses() const;

  /// Leaves connections in the kernel's backlog until resume().
  void pause();
  void resume();

  /// Stops listening, and loses no connection that the kernel has already accepted. The port or
  /// path is free when this returns. The loop then passes each connection on, unless pause() delays
  /// it. The Listener keeps the loop running until then, and accepts nothing more.
  ///
  /// Cost      One descriptor for each connection that waited. Where there are too few, on_error
  ///           reports it and the remaining connections are closed.
  void drain();

  /// As drain(), for a successor that has the same sockets and listens on: its port and the file of
  /// a unix socket stay. Afterwards this process gets no connection more, and the successor all.
  void hand_over();

  /// What to pass to a successor (HandOver); none after drain() or hand_over().
  [[nodiscard]] std::vector<int> descriptors() const;

  /// The name by which Metrics and watch_slow_callbacks() report it.
  void set_name(std::string_view name);

 private:
  struct [[gnu::visibility("hidden")]] State;

  explicit Listener(Handle<State> state) : state_(std::move(state)) {}
  template <class Function>
  void for_each(Function function);
  static Result<Listener> start(Loop& loop, Socket socket, int backlog, OnAccept on_accept);

  Handle<State> state_;
  std::vector<Handle<State>> others_;  // One for each further address.
};

/// The listening sockets that a supervisor passed to this process, as systemd does (LISTEN_FDS,
/// sd_listen_fds(3)); none when it was started otherwise. Call it once.
[[nodiscard]] Result<std::vector<Socket>> inherited_listeners();

}  // namespace reactor
#pragma GCC visibility pop
