// Echo on nothing but readiness callbacks and recv and send: what programs on select, poll and
// epoll do by hand, and what a Stream does for you.
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "reactor/bind_each.hpp"
#include "reactor/resolver.hpp"
#include "reactor/socket.hpp"
#include "reactor/stop_signals.hpp"
#include "reactor/timer.hpp"
#include "reactor/wait_any.hpp"
#include "reactor/watcher.hpp"
#include "samples/readiness_echo_server/client.hpp"
#include "samples/support/memory.hpp"
#include "samples/support/program.hpp"
#include "samples/support/socket_file.hpp"

namespace {

using namespace std::chrono_literals;
using reactor::Address;
using reactor::Failure;
using reactor::Interest;
using reactor::Ready;
using reactor::Result;
using reactor::Socket;
using reactor::Trigger;
using reactor::Watcher;
using samples::Echoed;
namespace option = reactor::option;

// Connections accepted at once before those that are there get their turn.
constexpr int most_accepted_at_once = 64;
constexpr std::chrono::milliseconds shortest_rest = 5ms;
constexpr std::chrono::milliseconds longest_rest = 1s;
// More than the 200 ms after which TCP sends again what a full receive buffer made it drop.
constexpr std::chrono::milliseconds quiet_time = 500ms;
constexpr std::chrono::milliseconds drain_time = 5s;

// The watcher is destroyed before the descriptor is closed.
struct Connection {
  samples::Client client;
  std::optional<Watcher> watcher = {};  // Without one where all descriptors are named at once.
};

Result<Socket> listen_at(const Address& address, bool alone) {
  auto socket = Socket::open(address.family(), reactor::SocketType::stream);
  if (!socket) return socket;
  if (address.family() != reactor::Family::unix_socket) {
    if (auto set = socket->set(option::reuse_address, true); !set) return Failure(set.error());
  }
  if (address.family() == reactor::Family::ipv6 && !alone) {
    if (auto set = socket->set(option::ipv6_only, true); !set) return Failure(set.error());
  }
  if (auto bound = socket->bind(address); !bound) return Failure(bound.error());
  if (listen(socket->fd(), SOMAXCONN) == 0) return socket;
  return Failure(reactor::system_error(errno, "listen", address.to_string()));
}

class ListeningSocket {
 public:
  explicit ListeningSocket(Socket socket)
      : socket_(std::move(socket)),
        address_(samples::value_of(socket_.local_address())),
        file_(address_) {}

  [[nodiscard]] int fd() const { return socket_.fd(); }
  [[nodiscard]] const Address& address() const { return address_; }

  std::optional<Watcher> watcher = {};  // Without one where all descriptors are named at once.

 private:
  Socket socket_;
  const Address address_;
  const samples::SocketFile file_;
};

class ReadinessServer {
 public:
  ReadinessServer(reactor::Loop& loop, const std::string& endpoint, const std::string& style)
      : loop_(loop),
        waits_for_any_(style == "select" || style == "poll"),
        trigger_(style == "epoll-edge" ? Trigger::edge : Trigger::level) {
    // One socket for each address of the name.
    const auto addresses = samples::value_of(reactor::resolve_now(endpoint));
    for (Socket& socket : samples::value_of(reactor::bind_each(addresses, listen_at))) {
      listening_.emplace_back(std::move(socket));
    }
    address_ = listening_.front().address();
    if (waits_for_any_) {
      wait_again();
      return;
    }
    // A poller without edges refuses here, before any client is there.
    (void)samples::value_of(Watcher::create(
        loop, listening_.front().fd(), Interest::none, [](Ready) {}, trigger_));
    // Level-triggered in each style: a connection that is left for later is reported again.
    for (ListeningSocket& socket : listening_) {
      socket.watcher = samples::value_of(Watcher::create(
          loop, socket.fd(), Interest::readable, [this, &socket](Ready) { accept_some(socket); }));
    }
  }

  // Of several addresses the first.
  [[nodiscard]] const Address& address() const { return address_; }

  // Echoes what has arrived, ends the connections that are quiet, and after 5 s all the others.
  void drain() {
    if (listening_.empty()) return;
    for (const ListeningSocket& socket : listening_) {
      for (int accepted = 0; accepted < SOMAXCONN && accept_one(socket); ++accepted) {
      }
    }
    rest_.cancel();
    listening_.clear();
    if (waits_for_any_) wait_again();
    end_quiet_.restart_every(quiet_time);
    cut_off_.restart(drain_time);
    stop_without_clients();
  }

 private:
  // As with select and poll: all descriptors are named anew for each wait.
  void wait_again() {
    wait_.reset();  // First, since a second watcher of a descriptor costs another descriptor.
    std::vector<reactor::WaitFor> waits;
    for (const ListeningSocket& socket : listening_) {
      if (!rest_.running()) waits.push_back({socket.fd(), Interest::readable});
    }
    for (const auto& [fd, connection] : clients_) {
      waits.push_back({fd, connection.client.interest()});
    }
    wait_ = samples::value_of(reactor::wait_any(loop_, waits, std::nullopt, [this](auto ready) {
      for (const auto& [fd, how] : ready) {
        if (clients_.contains(fd)) serve(fd);
        for (const ListeningSocket& socket : listening_) {
          if (socket.fd() == fd) accept_some(socket);
        }
      }
      wait_again();
    }));
  }

  // As with epoll: a descriptor is named once, and again when it waits for something else.
  void watch(int fd, Connection& connection) {
    const Interest interest =
        trigger_ == Trigger::edge ? Interest::readable | Interest::writable : Interest::readable;
    auto watcher = Watcher::create(
        loop_, fd, interest, [this, fd](Ready) { serve(fd); }, trigger_);
    if (!watcher) return report(watcher.error()), forget(fd);
    connection.watcher = std::move(*watcher);
  }

  void accept_some(const ListeningSocket& socket) {
    for (int accepted = 0; accepted < most_accepted_at_once && accept_one(socket); ++accepted) {
    }
  }

  // False when no more can be accepted now.
  bool accept_one(const ListeningSocket& socket) {
    const int fd = accept4(socket.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && errno == EAGAIN) return false;
    if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) return true;
    if (fd < 0) return rest(socket, errno), false;
    rest_time_ = shortest_rest;
    Connection& connection =
        clients_.try_emplace(fd, Connection{samples::Client(Socket::own(fd))}).first->second;
    if (!waits_for_any_) watch(fd, connection);
    return true;
  }

  // Out of descriptors or memory: the connections stay in the kernel's queue, for which the socket
  // is readable all the time, so it is not watched meanwhile.
  void rest(const ListeningSocket& from, int error) {
    report(reactor::system_error(error, "accept on", from.address().to_string()));
    set_interest_of_listening(Interest::none);
    rest_.restart(rest_time_);
    rest_time_ = std::min(2 * rest_time_, longest_rest);
  }

  void accept_again() {
    set_interest_of_listening(Interest::readable);
    if (waits_for_any_) wait_again();
  }

  void set_interest_of_listening(Interest interest) {
    for (ListeningSocket& socket : listening_) {
      if (socket.watcher) socket.watcher->set_interest(interest);
    }
  }

  void serve(int fd) {
    Connection& connection = clients_.at(fd);
    const Echoed echoed = connection.client.echo();
    if (echoed == Echoed::over) return forget(fd);
    if (!connection.watcher) return;
    if (trigger_ == Trigger::level) {
      connection.watcher->set_interest(connection.client.interest());
    } else if (echoed == Echoed::some) {
      // An edge is reported once. A program that stops before EAGAIN has to ask for another.
      connection.watcher->set_interest(Interest::none);
      connection.watcher->set_interest(Interest::readable | Interest::writable);
    }
  }

  void forget(int fd) {
    clients_.erase(fd);
    stop_without_clients();
  }

  void end_quiet_clients() {
    std::vector<int> fds;
    for (const auto& [fd, connection] : clients_) fds.push_back(fd);
    for (const int fd : fds) {
      serve(fd);  // What came while the loop was busy is no silence.
      const auto still_there = clients_.find(fd);
      if (still_there == clients_.end()) continue;
      if (still_there->second.client.was_quiet()) still_there->second.client.end();
    }
  }

  void cut_off() {
    for (auto& [fd, connection] : clients_) connection.client.give_up();
    clients_.clear();
    stop_without_clients();
  }

  void stop_without_clients() {
    if (listening_.empty() && clients_.empty()) loop_.stop();
  }

  static void report(const reactor::Error& error) {
    std::fprintf(stderr, "%s\n", error.message().c_str());
  }

  reactor::Loop& loop_;
  Address address_;
  std::list<ListeningSocket> listening_;  // None while draining.
  const bool waits_for_any_;
  const Trigger trigger_;
  std::map<int, Connection> clients_;
  std::optional<reactor::WaitAny> wait_;
  std::chrono::milliseconds rest_time_ = shortest_rest;
  reactor::Timer rest_{loop_, [this] { accept_again(); }};
  reactor::Timer end_quiet_{loop_, [this] { end_quiet_clients(); }};
  reactor::Timer cut_off_{loop_, [this] { cut_off(); }};
};

// Descriptors bound the number of clients.
std::string memory_text() {
  constexpr std::uint64_t most_for_callbacks = 4096;
  rlimit descriptors{};
  getrlimit(RLIMIT_NOFILE, &descriptors);
  const std::uint64_t each = samples::Client::most_unsent_bytes + most_for_callbacks;
  return samples::memory_text(
      std::min(descriptors.rlim_cur, UINT64_MAX / each) * each,
      std::to_string(descriptors.rlim_cur) +
          " clients (ulimit -n), each with 64 KiB that is not sent back yet");
}

void serve(const std::string& endpoint, const std::string& style) {
  reactor::Loop loop;
  ReadinessServer server(loop, endpoint, style);
  const auto stop = samples::value_of(reactor::StopSignals::create(loop, [&] { server.drain(); }));
  samples::announce(server.address());
  loop.run();
}

}  // namespace

int main(int count, char** words) {
  std::string endpoint = "127.0.0.1:9000";
  std::string style = "epoll";
  samples::CommandLine command_line{
      "Sends back whatever a client sends, by readiness callbacks alone. SIGTERM ends it: what "
      "has\n"
      "arrived is sent back first, for 5 s at most. A client takes a descriptor (ulimit -n).\n"
      "Example: readiness_echo_server --style epoll-edge --listen 127.0.0.1:9000"};
  command_line.footer(memory_text());
  command_line.add_option("--style", style, "How to wait: select, poll, epoll or epoll-edge")
      .one_of({"select", "poll", "epoll", "epoll-edge"});
  command_line.add_option("--listen", endpoint, "HOST:PORT, [::1]:PORT or unix:PATH; port 0: any");
  return samples::run_program(command_line, count, words, [&] { serve(endpoint, style); });
}
