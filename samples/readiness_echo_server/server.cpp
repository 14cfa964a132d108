#include "samples/readiness_echo_server/server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>
#include <vector>

namespace samples {
namespace {

using namespace std::chrono_literals;
using reactor::Interest;
using reactor::Ready;
using reactor::Socket;
using reactor::Trigger;
using reactor::Watcher;

// Connections accepted in one iteration before the existing ones are served.
constexpr int most_accepted_at_once = 64;
constexpr std::chrono::milliseconds shortest_rest = 5ms;
constexpr std::chrono::milliseconds longest_rest = 1s;
// Longer than the 200 ms after which TCP resends what a full receive buffer made it drop.
constexpr std::chrono::milliseconds quiet_time = 500ms;
constexpr std::chrono::milliseconds drain_time = 5s;

}  // namespace

ReadinessServer::ReadinessServer(reactor::Loop& loop, const std::string& endpoint,
                                 const std::string& style)
    : loop_(loop),
      listening_(listen_on_all(endpoint)),
      address_(listening_.front().address()),
      waits_for_any_(style == "select" || style == "poll"),
      trigger_(style == "epoll-edge" ? Trigger::edge : Trigger::level),
      rest_time_(shortest_rest) {
  if (waits_for_any_) {
    wait_again();
    return;
  }
  // A poller without edges reports the error here, before there is any client.
  (void)value_of(Watcher::create(
      loop, listening_.front().fd(), Interest::none, [](Ready) {}, trigger_));
  // Level-triggered in each style: a connection that is left for later is reported again.
  for (ListeningSocket& socket : listening_) {
    socket.watcher = value_of(Watcher::create(loop, socket.fd(), Interest::readable,
                                              [this, &socket](Ready) { accept_some(socket); }));
  }
}

void ReadinessServer::drain() {
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

// As with select and poll: the program lists all descriptors anew for each wait.
void ReadinessServer::wait_again() {
  wait_.reset();  // First, since a second watcher of a descriptor costs another descriptor.
  std::vector<reactor::WaitFor> waits;
  for (const ListeningSocket& socket : listening_) {
    if (!rest_.running()) waits.push_back({socket.fd(), Interest::readable});
  }
  for (const auto& [fd, connection] : clients_) {
    waits.push_back({fd, connection.client.interest()});
  }
  wait_ = value_of(reactor::wait_any(loop_, waits, std::nullopt, [this](auto ready) {
    for (const auto& [fd, how] : ready) {
      if (clients_.contains(fd)) serve(fd);
      for (const ListeningSocket& socket : listening_) {
        if (socket.fd() == fd) accept_some(socket);
      }
    }
    wait_again();
  }));
}

// As with epoll: a descriptor is added once, and changed when it waits for something else.
void ReadinessServer::watch(int fd, Connection& connection) {
  const Interest interest =
      trigger_ == Trigger::edge ? Interest::readable | Interest::writable : Interest::readable;
  auto watcher = Watcher::create(
      loop_, fd, interest, [this, fd](Ready) { serve(fd); }, trigger_);
  if (!watcher) return report(watcher.error()), forget(fd);
  connection.watcher = std::move(*watcher);
}

void ReadinessServer::accept_some(const ListeningSocket& socket) {
  for (int accepted = 0; accepted < most_accepted_at_once && accept_one(socket); ++accepted) {
  }
}

// False if no more can be accepted now.
bool ReadinessServer::accept_one(const ListeningSocket& socket) {
  const int fd = accept4(socket.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0 && errno == EAGAIN) return false;
  if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) return true;
  if (fd < 0) return rest(socket, errno), false;
  rest_time_ = shortest_rest;
  Connection& connection =
      clients_.try_emplace(fd, Connection{Client(Socket::own(fd))}).first->second;
  if (!waits_for_any_) watch(fd, connection);
  return true;
}

// The process is out of descriptors or memory. The connections stay in the kernel's queue, so the
// socket is readable all the time. It is therefore not watched for a while.
void ReadinessServer::rest(const ListeningSocket& from, int error) {
  report(reactor::system_error(error, "accept on", from.address().to_string()));
  set_interest_of_listening(Interest::none);
  rest_.restart(rest_time_);
  rest_time_ = std::min(2 * rest_time_, longest_rest);
}

void ReadinessServer::accept_again() {
  set_interest_of_listening(Interest::readable);
  if (waits_for_any_) wait_again();
}

void ReadinessServer::set_interest_of_listening(Interest interest) {
  for (ListeningSocket& socket : listening_) {
    if (socket.watcher) socket.watcher->set_interest(interest);
  }
}

void ReadinessServer::serve(int fd) {
  Connection& connection = clients_.at(fd);
  const Echoed echoed = connection.client.echo();
  if (echoed == Echoed::over) return forget(fd);
  if (!connection.watcher) return;
  if (trigger_ == Trigger::level) {
    connection.watcher->set_interest(connection.client.interest());
  } else if (echoed == Echoed::some) {
    // An edge is reported once. A program that stops before EAGAIN has to request another.
    connection.watcher->set_interest(Interest::none);
    connection.watcher->set_interest(Interest::readable | Interest::writable);
  }
}

void ReadinessServer::forget(int fd) {
  clients_.erase(fd);
  stop_without_clients();
}

void ReadinessServer::end_quiet_clients() {
  std::vector<int> fds;
  for (const auto& [fd, connection] : clients_) fds.push_back(fd);
  for (const int fd : fds) {
    serve(fd);  // Data that arrived while the loop was busy means that the client is not quiet.
    const auto still_there = clients_.find(fd);
    if (still_there == clients_.end()) continue;
    if (still_there->second.client.was_quiet()) still_there->second.client.end();
  }
}

void ReadinessServer::cut_off() {
  for (auto& [fd, connection] : clients_) connection.client.give_up();
  clients_.clear();
  stop_without_clients();
}

void ReadinessServer::stop_without_clients() {
  if (listening_.empty() && clients_.empty()) loop_.stop();
}

void ReadinessServer::report(const reactor::Error& error) {
  std::fprintf(stderr, "%s\n", error.message().c_str());
}

}  // namespace samples
