// An echo server that uses only readiness callbacks, recv and send: what programs on select, poll
// and epoll do by hand, and what a Stream does for its user.
#pragma once

#include <chrono>
#include <list>
#include <map>
#include <optional>
#include <string>

#include "reactor/address.hpp"
#include "reactor/loop.hpp"
#include "reactor/timer.hpp"
#include "reactor/wait_any.hpp"
#include "reactor/watcher.hpp"
#include "samples/readiness_echo_server/client.hpp"
#include "samples/readiness_echo_server/listening_socket.hpp"

namespace samples {

/// Serves the clients of one endpoint, until drain() has ended all of them and stopped the loop.
class ReadinessServer {
 public:
  /// `style` is `select`, `poll`, `epoll` or `epoll-edge`.
  ReadinessServer(reactor::Loop& loop, const std::string& endpoint, const std::string& style);

  /// The first one if there are several.
  [[nodiscard]] const reactor::Address& address() const { return address_; }

  /// Echoes what has arrived, ends the quiet connections, and after 5 s all others.
  void drain();

 private:
  // The watcher is destroyed before the descriptor is closed.
  struct Connection {
    Client client;
    // Empty in the styles that list all descriptors for each wait.
    std::optional<reactor::Watcher> watcher = {};
  };

  void wait_again();
  void watch(int fd, Connection& connection);
  void accept_some(const ListeningSocket& socket);
  bool accept_one(const ListeningSocket& socket);
  void rest(const ListeningSocket& from, int error);
  void accept_again();
  void set_interest_of_listening(reactor::Interest interest);
  void serve(int fd);
  void forget(int fd);
  void end_quiet_clients();
  void cut_off();
  void stop_without_clients();
  static void report(const reactor::Error& error);

  reactor::Loop& loop_;
  std::list<ListeningSocket> listening_;  // Empty while draining.
  const reactor::Address address_;
  const bool waits_for_any_;
  const reactor::Trigger trigger_;
  std::map<int, Connection> clients_;
  std::optional<reactor::WaitAny> wait_;
  std::chrono::milliseconds rest_time_;
  reactor::Timer rest_{loop_, [this] { accept_again(); }};
  reactor::Timer end_quiet_{loop_, [this] { end_quiet_clients(); }};
  reactor::Timer cut_off_{loop_, [this] { cut_off(); }};
};

}  // namespace samples
