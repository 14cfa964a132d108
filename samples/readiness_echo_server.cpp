// Echo on nothing but readiness callbacks and recv and send: what programs on select, poll and
// epoll do by hand, and what a Stream does for you.
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <map>
#include <optional>
#include <string>

#include "reactor/resolver.hpp"
#include "reactor/socket.hpp"
#include "reactor/wait_any.hpp"
#include "reactor/watcher.hpp"
#include "samples/support/program.hpp"

namespace {

using reactor::Interest;
using reactor::Ready;
using reactor::Socket;
using reactor::Trigger;
using reactor::Watcher;

// One client. Its unsent bytes are few: it is read only when there are none.
struct Client {
  Socket socket;
  std::string unsent;
  std::optional<Watcher> watcher;

  [[nodiscard]] Interest interest() const {
    return unsent.empty() ? Interest::readable : Interest::writable;
  }

  // Echoes until the kernel has no more to give or to take; false when the connection is over. An
  // edge tells only once, so nothing less than EAGAIN will do.
  bool echo() {
    for (;;) {
      if (unsent.empty()) {
        std::array<char, 65536> buffer;
        const ssize_t size = recv(socket.fd(), buffer.data(), buffer.size(), 0);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return errno == EAGAIN;
        if (size == 0) return false;
        unsent.assign(buffer.data(), static_cast<std::size_t>(size));
      }
      const ssize_t sent = send(socket.fd(), unsent.data(), unsent.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0) return errno == EAGAIN;
      unsent.erase(0, static_cast<std::size_t>(sent));
    }
  }
};

class ReadinessServer {
 public:
  ReadinessServer(reactor::Loop& loop, Socket listening, const std::string& style)
      : loop_(loop),
        listening_(std::move(listening)),
        waits_for_any_(style == "select" || style == "poll"),
        trigger_(style == "epoll-edge" ? Trigger::edge : Trigger::level) {
    if (waits_for_any_) {
      wait_again();
      return;
    }
    accepting_ = samples::value_of(Watcher::create(
        loop, listening_.fd(), Interest::readable, [this](Ready) { accept_all(); }, trigger_));
  }

 private:
  // As with select and poll: all descriptors are named anew for each wait.
  void wait_again() {
    std::vector<reactor::WaitFor> waits{{listening_.fd(), Interest::readable}};
    for (const auto& [fd, client] : clients_) waits.push_back({fd, client.interest()});
    wait_ = samples::value_of(reactor::wait_any(loop_, waits, std::nullopt, [this](auto ready) {
      for (const auto& [fd, how] : ready) {
        fd == listening_.fd() ? accept_all() : serve(fd);
      }
      wait_again();
    }));
  }

  void accept_all() {
    for (;;) {
      const int fd = accept4(listening_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      Client& client = clients_.try_emplace(fd).first->second;
      client.socket = Socket::own(fd);
      if (waits_for_any_) continue;
      // As with epoll: a descriptor is named once, and again when it waits for something else.
      const Interest interest =
          trigger_ == Trigger::edge ? Interest::readable | Interest::writable : Interest::readable;
      client.watcher = samples::value_of(Watcher::create(
          loop_, fd, interest, [this, fd](Ready) { serve(fd); }, trigger_));
    }
  }

  void serve(int fd) {
    Client& client = clients_.at(fd);
    if (!client.echo()) {
      client.watcher.reset();  // Before its descriptor is closed.
      clients_.erase(fd);
    } else if (client.watcher && trigger_ == Trigger::level) {
      client.watcher->set_interest(client.interest());
    }
  }

  reactor::Loop& loop_;
  Socket listening_;
  const bool waits_for_any_;
  const Trigger trigger_;
  std::map<int, Client> clients_;
  std::optional<Watcher> accepting_;
  std::optional<reactor::WaitAny> wait_;
};

void serve(const std::string& endpoint, const std::string& style) {
  const reactor::Address address = samples::value_of(reactor::resolve_now(endpoint)).front();
  Socket listening = samples::value_of(Socket::open(address.family(), reactor::SocketType::stream));
  if (address.family() != reactor::Family::unix_socket) {
    (void)listening.set(reactor::option::reuse_address, true);
  }
  if (auto bound = listening.bind(address); !bound) throw samples::Failed(bound.error());
  if (listen(listening.fd(), SOMAXCONN) != 0) {
    throw samples::Failed(reactor::system_error(errno, "listen", endpoint));
  }
  const reactor::Address listens_on = samples::value_of(listening.local_address());

  reactor::Loop loop;
  std::optional<ReadinessServer> server(std::in_place, loop, std::move(listening), style);
  const samples::StopSignals signals(loop, [&] { server.reset(); });
  samples::announce(listens_on);
  loop.run();
}

}  // namespace

int main(int count, char** words) {
  std::string endpoint = "127.0.0.1:9000";
  std::string style = "epoll";
  CLI::App command_line{
      "Sends back whatever a client sends, by readiness callbacks alone.\n"
      "Example: readiness_echo_server --style epoll-edge --listen 127.0.0.1:9000"};
  command_line.option_defaults()->always_capture_default();
  command_line.add_option("--style", style, "How to wait: select, poll, epoll or epoll-edge")
      ->check(CLI::IsMember({"select", "poll", "epoll", "epoll-edge"}));
  command_line.add_option("--listen", endpoint, "HOST:PORT, [::1]:PORT or unix:PATH; port 0: any");
  return samples::run_program(command_line, count, words, [&] { serve(endpoint, style); });
}
