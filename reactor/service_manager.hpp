// What a service manager passes to the process it starts, and what the process reports to it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reactor/handle.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"
#include "reactor/socket.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// A socket that the service manager opened for this process.
struct PassedSocket {
  std::string name;  ///< FileDescriptorName= of the unit; empty where there is none.
  Socket socket;
};

/// Takes over the sockets that the service manager passed, in the order of its configuration.
/// Returns none if it passed none to this process, and none in each call but the first.
///
///     auto passed = take_passed_sockets();
///     if (!passed) return Failure(passed.error());
///     if (!passed->empty()) {
///       server = Server<Echo>::adopt(loop, std::move(passed->front().socket), {}, make_session);
///     }
///
/// This is the protocol of sd_listen_fds(3): the variables LISTEN_PID, LISTEN_FDS and
/// LISTEN_FDNAMES, which are removed from the environment.
///
/// Errors    not_a_socket: one of the descriptors is of another kind, or not open. None is taken.
/// Thread    Before the process has a second thread, since it changes the environment.
[[nodiscard]] Result<std::vector<PassedSocket>> take_passed_sockets();

/// Reports to the service manager that started this process. Without a service manager all
/// functions do nothing and succeed.
///
///     auto manager = ServiceManager::connect(loop);
///     if (!manager) return Failure(manager.error());
///     manager->ready("serving on " + server.address().to_string());
///
/// If the manager has a watchdog for this process (WatchdogSec=), it is notified as long as the
/// loop runs iterations: twice in the time that it allows.
///
/// This is the protocol of sd_notify(3): datagrams to the unix socket named by NOTIFY_SOCKET.
///
/// Lifetime  Destroying it ends the reports to the watchdog. It does not keep the loop running.
/// Thread    The loop's thread only.
/// Cost      A report is one system call, which does not wait.
class ServiceManager {
 public:
  /// Errors    As Socket::connect; invalid_argument: NOTIFY_SOCKET or WATCHDOG_USEC is malformed.
  [[nodiscard]] static Result<ServiceManager> connect(Loop& loop);

  /// True if there is a service manager.
  [[nodiscard]] bool is_present() const;

  /// Reports that the process serves now, or that it has begun to end. `status` is one line for the
  /// user.
  ///
  /// Errors    connection_refused: the manager is gone; resource_unavailable_try_again: it does not
  ///           read.
  Result<void> ready(std::string_view status = {});
  Result<void> stopping(std::string_view status = {});
  Result<void> status(std::string_view status);

  /// Makes the manager keep a duplicate of `fd` for the next process of this service, which gets it
  /// from take_passed_sockets() under this name (FileDescriptorStoreMax= allows it). forget()
  /// closes what is kept under a name.
  ///
  /// Errors    As ready(); invalid_argument: a name that is empty, longer than 255 bytes, or has a
  ///           colon or a control character.
  Result<void> store(std::string_view name, int fd);
  Result<void> forget(std::string_view name);

 private:
  struct [[gnu::visibility("hidden")]] State;

  explicit ServiceManager(Handle<State> state) : state_(std::move(state)) {}

  Handle<State> state_;
};

}  // namespace reactor
#pragma GCC visibility pop
