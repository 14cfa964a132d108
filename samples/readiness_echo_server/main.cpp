// Echo on nothing but readiness callbacks and recv and send: what programs on select, poll and
// epoll do by hand, and what a Stream does for you.
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "reactor/resolver.hpp"
#include "reactor/socket.hpp"
#include "reactor/timer.hpp"
#include "reactor/wait_any.hpp"
#include "reactor/watcher.hpp"
#include "samples/readiness_echo_server/client.hpp"
#include "samples/support/program.hpp"
#include "samples/support/socket_file.hpp"

namespace {

using namespace std::chrono_literals;
using reactor::Interest;
using reactor::Ready;
using reactor::Socket;
using reactor::Trigger;
using reactor::Watcher;
using samples::Echoed;

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

class ListeningSocket {
 public:
  explicit ListeningSocket(const std::string& endpoint)
      : socket_(listen_at(endpoint)),
        address_(samples::value_of(socket_.local_address())),
        file_(address_) {}

  [[nodiscard]] int fd() const { return socket_.fd(); }
  [[nodiscard]] const reactor::Address& address() const { return address_; }

 private:
  static Socket listen_at(const std::string& endpoint) {
    const reactor::Address wanted = samples::value_of(reactor::resolve_now(endpoint)).front();
    Socket socket = samples::value_of(Socket::open(wanted.family(), reactor::SocketType::stream));
    if (wanted.family() != reactor::Family::unix_socket) {
      samples::check(socket.set(reactor::option::reuse_address, true));
    }
    samples::check(socket.bind(wanted));
    if (listen(socket.fd(), SOMAXCONN) == 0) return socket;
    throw samples::Failed(reactor::system_error(errno, "listen", endpoint));
  }

  Socket socket_;
  const reactor::Address address_;
  const samples::SocketFile file_;
};

class ReadinessServer {
 public:
  ReadinessServer(reactor::Loop& loop, const std::string& endpoint, const std::string& style)
      : loop_(loop),
        listening_(std::in_place, endpoint),
        waits_for_any_(style == "select" || style == "poll"),
        trigger_(style == "epoll-edge" ? Trigger::edge : Trigger::level) {
    if (waits_for_any_) {
      wait_again();
      return;
    }
    // A poller without edges refuses here, before any client is there.
    (void)samples::value_of(Watcher::create(
        loop, listening_->fd(), Interest::none, [](Ready) {}, trigger_));
    // Level-triggered in each style: a connection that is left for later is reported again.
    accepting_ = samples::value_of(Watcher::create(loop, listening_->fd(), Interest::readable,
                                                   [this](Ready) { accept_some(); }));
  }

  [[nodiscard]] const reactor::Address& address() const { return listening_->address(); }

  // Echoes what has arrived, ends the connections that are quiet, and after 5 s all the others.
  void drain() {
    if (!listening_) return;
    for (int accepted = 0; accepted < SOMAXCONN && accept_one(); ++accepted) {
    }
    accepting_.reset();
    rest_.cancel();
    listening_.reset();
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
    if (listening_ && !rest_.running()) waits.push_back({listening_->fd(), Interest::readable});
    for (const auto& [fd, connection] : clients_) {
      waits.push_back({fd, connection.client.interest()});
    }
    wait_ = samples::value_of(reactor::wait_any(loop_, waits, std::nullopt, [this](auto ready) {
      for (const auto& [fd, how] : ready) {
        listening_&& fd == listening_->fd() ? accept_some() : serve(fd);
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

  void accept_some() {
    for (int accepted = 0; accepted < most_accepted_at_once && accept_one(); ++accepted) {
    }
  }

  // False when no more can be accepted now.
  bool accept_one() {
    const int fd = accept4(listening_->fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0 && errno == EAGAIN) return false;
    if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) return true;
    if (fd < 0) return rest(errno), false;
    rest_time_ = shortest_rest;
    Connection& connection =
        clients_.try_emplace(fd, Connection{samples::Client(Socket::own(fd))}).first->second;
    if (!waits_for_any_) watch(fd, connection);
    return true;
  }

  // Out of descriptors or memory: the connections stay in the kernel's queue, for which the socket
  // is readable all the time, so it is not watched meanwhile.
  void rest(int error) {
    report(reactor::system_error(error, "accept on", address().to_string()));
    if (accepting_) accepting_->set_interest(Interest::none);
    rest_.restart(rest_time_);
    rest_time_ = std::min(2 * rest_time_, longest_rest);
  }

  void accept_again() { accepting_ ? accepting_->set_interest(Interest::readable) : wait_again(); }

  void serve(int fd) {
    Connection& connection = clients_.at(fd);
    const Echoed echoed = connection.client.echo();
    if (echoed == Echoed::over) return forget(fd);
    if (!connection.watcher) return;
    if (trigger_ == Trigger::level) {
      connection.watcher->set_interest(connection.client.interest());
    } else if (echoed == Echoed::some) {
      // An edge is reported once. Whoever stops before EAGAIN has to ask for another.
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
    if (!listening_ && clients_.empty()) loop_.stop();
  }

  static void report(const reactor::Error& error) {
    std::fprintf(stderr, "%s\n", error.message().c_str());
  }

  reactor::Loop& loop_;
  std::optional<ListeningSocket> listening_;  // Nothing while draining.
  const bool waits_for_any_;
  const Trigger trigger_;
  std::map<int, Connection> clients_;
  std::optional<Watcher> accepting_;
  std::optional<reactor::WaitAny> wait_;
  std::chrono::milliseconds rest_time_ = shortest_rest;
  reactor::Timer rest_{loop_, [this] { accept_again(); }};
  reactor::Timer end_quiet_{loop_, [this] { end_quiet_clients(); }};
  reactor::Timer cut_off_{loop_, [this] { cut_off(); }};
};

void serve(const std::string& endpoint, const std::string& style) {
  reactor::Loop loop;
  ReadinessServer server(loop, endpoint, style);
  const samples::StopSignals signals(loop, [&] { server.drain(); });
  samples::announce(server.address());
  loop.run();
}

}  // namespace

int main(int count, char** words) {
  std::string endpoint = "127.0.0.1:9000";
  std::string style = "epoll";
  CLI::App command_line{
      "Sends back whatever a client sends, by readiness callbacks alone. SIGTERM ends it: what "
      "has\n"
      "arrived is sent back first, for 5 s at most. A client takes 64 KiB of memory at most, and "
      "a\n"
      "descriptor (ulimit -n).\n"
      "Example: readiness_echo_server --style epoll-edge --listen 127.0.0.1:9000"};
  command_line.option_defaults()->always_capture_default();
  command_line.add_option("--style", style, "How to wait: select, poll, epoll or epoll-edge")
      ->check(CLI::IsMember({"select", "poll", "epoll", "epoll-edge"}));
  command_line.add_option("--listen", endpoint, "HOST:PORT, [::1]:PORT or unix:PATH; port 0: any");
  return samples::run_program(command_line, count, words, [&] { serve(endpoint, style); });
}
