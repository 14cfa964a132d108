#include "reactor/listener.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reactor/bind_each.hpp"
#include "reactor/engine.hpp"
#include "reactor/platform/sys.hpp"
#include "reactor/resolver.hpp"
#include "reactor/shared_ports.hpp"
#include "reactor/timer.hpp"

namespace reactor::inline v0 {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds shortest_rest = 5ms;
constexpr std::chrono::milliseconds longest_rest = 1s;

// The most connections accepted in one iteration, so that a flood leaves time for open ones.
constexpr int most_at_once = 16;

// The assumed queue length of a socket whose backlog is unknown: for a long time the kernel stored
// a backlog in 16 bits.
constexpr int longest_backlog = 65'535;

// Reserved for shed_one(), which closes it when no other descriptor is left.
int open_reserve() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

// Only the connection is lost, the listener is not (accept(2), "Error handling").
bool concerns_one_connection(int error) {
  switch (error) {
    case ECONNABORTED:
    case EINTR:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
#ifdef ENONET  // Linux.
    case ENONET:
#endif
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case ETIMEDOUT:
      return true;
    default:
      return false;
  }
}

}  // namespace

struct Listener::State final : Source {
  struct Accepted {
    Socket socket;
    Address peer;
  };

  State(Loop& loop, Socket listening, int most_in_queue, OnAccept callback)
      : Source(loop.engine(), Kind::listener),
        socket(std::move(listening)),
        backlog(most_in_queue),
        on_accept_callback(std::move(callback)),
        rest(loop, [this] { resume_or_rest(resting); }) {}

  void on_ready(unsigned) override {
    for (int accepted = 0; accepted < most_at_once && !silent(); ++accepted) {
      Accepted next;
      const int error = accept(next);
      if (error == EAGAIN) return;
      if (error != 0 && concerns_one_connection(error)) continue;
      if (error != 0) return rest_from(error);
      rest_length = shortest_rest;
      if (!hand_over(std::move(next))) return;
      if (engine().interrupted()) return;  // Level-triggered: it is reported again.
    }
  }

  void on_iteration() override {
    if (drain_error != 0 && !report(std::exchange(drain_error, 0))) return;
    for (int handed_over = 0; handed_over < most_at_once && has_work(); ++handed_over) {
      if (engine().interrupted()) break;
      Accepted next = std::move(waiting.front());
      waiting.pop_front();
      if (!hand_over(std::move(next))) return;
    }
    schedule_if_work_is_left();
  }

  void unregister() noexcept override {
    if (watched) engine().unwatch(*this, socket.fd());
    if (reserve >= 0) ::close(reserve);
    remove_file();
  }

  [[nodiscard]] std::string describe() const override { return "listener " + address.to_string(); }

  // ---- Accepting

  // 0 or an errno.
  int accept(Accepted& next) {
    sockaddr_storage peer;
    socklen_t size = sizeof peer;
    const int fd = sys::accept(socket.fd(), reinterpret_cast<sockaddr*>(&peer), &size);
    if (fd < 0) return -fd;
    next.socket = Socket::own(fd);
    next.peer = Address::from(reinterpret_cast<sockaddr*>(&peer), size);
    return 0;
  }

  // False when the listener is destroyed.
  [[nodiscard]] bool hand_over(Accepted next) {
    return engine().call(*this, on_accept_callback, std::move(next.socket), next.peer);
  }

  // ---- Draining

  // The socket is closed before this returns; on_iteration() passes on what it had accepted.
  void drain() {
    if (is(drained)) return;
    remove_file();  // First, so that no more clients connect by that path.
    stop_accepting();
  }

  // Connections that arrived before this thread returned from its wait may have woken this process
  // only, so it takes them over. All later ones wake the successor.
  void hand_over() {
    if (!is(drained)) stop_accepting();
  }

  void stop_accepting() {
    pause(drained);
    rest.cancel();
    file_number = 0;
    take_queue();
    socket = Socket();
    if (reserve >= 0) ::close(std::exchange(reserve, -1));
    schedule_if_work_is_left();
  }

  // Takes no more than the queue can have held: new connections may arrive as fast as they are
  // taken.
  void take_queue() {
    for (std::int64_t left = std::int64_t{backlog} + 1; left > 0;) {
      Accepted next;
      const int error = accept(next);
      if (error == EAGAIN) return;
      if (error == EINTR) continue;
      --left;
      if (error == 0) {
        waiting.push_back(std::move(next));
      } else if (!concerns_one_connection(error)) {
        drain_error = error;
        if (!shed_one(error)) return;
      }
    }
  }

  [[nodiscard]] bool has_work() const {
    return drain_error != 0 || (!waiting.empty() && !is(paused));
  }

  void schedule_if_work_is_left() {
    if (has_work()) engine().schedule(*this);
    if (is(drained)) keep_loop_running(drain_error != 0 || !waiting.empty());
  }

  // ---- Resting

  enum Reason : unsigned { resting = 1, paused = 2, drained = 4 };

  [[nodiscard]] bool silent() const { return reasons != 0; }
  [[nodiscard]] bool is(Reason reason) const { return (reasons & reason) != 0; }

  int pause(Reason reason) {
    reasons |= reason;
    return update();
  }

  int resume(Reason reason) {
    reasons &= ~static_cast<unsigned>(reason);
    return update();
  }

  int update() {
    if (watched == !silent()) return 0;
    if (watched) {
      engine().unwatch(*this, socket.fd());
      watched = false;
      return 0;
    }
    const int error = engine().watch(*this, socket.fd(), Interest::readable, Trigger::exclusive);
    watched = error == 0;
    return error;
  }

  // The kernel may have no memory for another registration: then accepting pauses too.
  void resume_or_rest(Reason reason) {
    if (resume(reason) != 0) start_rest();
  }

  void start_rest() {
    pause(resting);
    rest.restart(rest_length);
    rest_length = std::min(rest_length * 2, longest_rest);
  }

  void rest_from(int error) {
    (void)shed_one(error);
    start_rest();
    (void)report(error);
  }

  // Closes one connection for which there is no descriptor; returns true if it did.
  bool shed_one(int error) {
    if (error != EMFILE && error != ENFILE) return false;
    int fd = -1;
    if (reserve >= 0) {
      ::close(reserve);
      fd = sys::accept(socket.fd(), nullptr, nullptr);
      if (fd >= 0) sys::close(fd);
    }
    reserve = open_reserve();  // If another thread took the descriptor, this is tried again.
    return fd >= 0;
  }

  // False when the listener is destroyed.
  [[nodiscard]] bool report(int error) {
    const auto now = engine().loop().now();
    if (!on_error_callback || now < silent_until) return true;
    silent_until = now + 1s;
    const Error problem = system_error(error, "accept on", address.to_string());
    return engine().call(*this, on_error_callback, problem);
  }

  // ---- The file of a unix socket

  void note_file() {
    struct stat status {};
    const std::string path = address.host();
    const bool has_file = address.family() == Family::unix_socket && !path.starts_with('@');
    if (!has_file || sys::lstat(path.c_str(), &status) != 0) return;
    file_device = status.st_dev;
    file_number = status.st_ino;
  }

  // Removes only the file that this listener made: another server may have replaced it.
  void remove_file() const noexcept {
    if (engine().forked()) return;  // The parent listens on.
    struct stat status {};
    const std::string path = file_number ? address.host() : std::string();
    if (!file_number || sys::lstat(path.c_str(), &status) != 0) return;
    if (status.st_dev == file_device && status.st_ino == file_number) sys::unlink(path.c_str());
  }

  Socket socket;
  const int backlog;
  Address address;
  std::deque<Accepted> waiting;  // After drain(): accepted, and not yet passed on.
  int drain_error = 0;
  OnAccept on_accept_callback;
  Callback<void(const Error&)> on_error_callback;
  unsigned reasons = paused;
  bool watched = false;
  int reserve = open_reserve();
  Timer rest;
  std::chrono::milliseconds rest_length = shortest_rest;
  Loop::Clock::time_point silent_until;
  dev_t file_device = 0;
  ino_t file_number = 0;
};

Result<Listener> Listener::listen(Loop& loop, const Address& address, OnAccept on_accept) {
  return listen(loop, address, ListenOptions{}, std::move(on_accept));
}

namespace {

// Binds to a port that other sockets of this process may share, and no other process: the first
// socket binds without SO_REUSEPORT.
Result<void> bind_shared(Socket& socket, const Address& address) {
  const std::lock_guard lock(shared_ports::binding());
  const bool joins = shared_ports::has(address);
  if (joins) {
    if (auto set = socket.set(option::reuse_port, true); !set) return set;
  }
  if (auto bound = socket.bind(address); !bound) return bound;
  // Linux checks the current option of the first socket when later ones bind, not its value at
  // bind.
  if (!joins) {
    if (auto set = socket.set(option::reuse_port, true); !set) return set;
  }
  shared_ports::note(socket.fd());
  return {};
}

// `alone`: no other socket listens for the same Listener on the IPv4 side of this address.
Result<Socket> open_listening(const Address& address, const ListenOptions& options, bool alone) {
  if (options.backlog < 0) {
    Error error = system_error(EINVAL, "listen", address.to_string());
    error.hint = "the backlog is negative";
    return Failure(std::move(error));
  }
  auto socket = Socket::open(address.family(), SocketType::stream);
  if (!socket) return socket;
  if (address.family() != Family::unix_socket) {
    if (auto set = socket->set(option::reuse_address, true); !set) return Failure(set.error());
    // Accepted sockets inherit it.
    if (auto set = socket->set(option::no_delay, true); !set) return Failure(set.error());
  }
  if (address.family() == Family::ipv6 && !alone) {
    if (auto set = socket->set(option::ipv6_only, true); !set) return Failure(set.error());
  }
  const auto bound = options.reuse_port ? bind_shared(*socket, address) : socket->bind(address);
  if (!bound) return Failure(bound.error());
  if (const int error = sys::listen(socket->fd(), options.backlog)) {
    return Failure(system_error(-error, "listen", address.to_string()));
  }
  return socket;
}

}  // namespace

Result<Listener> Listener::listen(Loop& loop, const Address& address, ListenOptions options,
                                  OnAccept on_accept) {
  auto socket = open_listening(address, options, true);
  if (!socket) return Failure(socket.error());
  auto listener = start(loop, std::move(*socket), options.backlog, std::move(on_accept));
  if (listener) listener->state_->note_file();
  return listener;
}

Result<Listener> Listener::listen(Loop& loop, std::string_view endpoint, ListenOptions options,
                                  OnAccept on_accept) {
  const auto addresses = resolve_now(endpoint);
  if (!addresses) return Failure(addresses.error());
  if (addresses->size() == 1) {
    return listen(loop, addresses->front(), options, std::move(on_accept));
  }
  auto sockets = bind_each(*addresses, [&options](const Address& address, bool alone) {
    return open_listening(address, options, alone);
  });
  if (!sockets) return Failure(sockets.error());

  // Shared by all, since any of them may be running it when the Listener is destroyed.
  const auto shared = std::make_shared<OnAccept>(std::move(on_accept));
  std::optional<Listener> listener;
  for (Socket& socket : *sockets) {
    auto next = start(
        loop, std::move(socket), options.backlog,
        [shared](Socket accepted, const Address& peer) { (*shared)(std::move(accepted), peer); });
    if (!next) return next;
    if (listener) {
      listener->others_.push_back(std::move(next->state_));
    } else {
      listener = std::move(*next);
    }
  }
  return std::move(*listener);
}

Result<Listener> Listener::adopt(Loop& loop, Socket socket, OnAccept on_accept) {
  const auto listens = socket.get(option::accepting);
  if (!listens) return Failure(listens.error());
  if (!*listens) return Failure(system_error(EINVAL, "accept on a socket that does not listen"));
  shared_ports::note(socket.fd());  // Other threads may join it.
  return start(loop, std::move(socket), longest_backlog, std::move(on_accept));
}

Result<Listener> Listener::start(Loop& loop, Socket socket, int backlog, OnAccept on_accept) {
  const auto address = socket.local_address();
  if (!address) return Failure(address.error());
  Listener listener(new State(loop, std::move(socket), backlog, std::move(on_accept)));
  State& state = *listener.state_;
  state.address = *address;
  if (const int error = state.resume(State::paused)) {
    return Failure(system_error(-error, "watch", address->to_string()));
  }
  state.keep_loop_running(true);
  return listener;
}

void Listener::on_error(Callback<void(const Error&)> on_error) {
  if (others_.empty()) {
    state_->replace(state_->on_error_callback, std::move(on_error));
    return;
  }
  const auto shared = std::make_shared<Callback<void(const Error&)>>(std::move(on_error));
  for_each([&](State& state) {
    state.replace(
        state.on_error_callback,
        *shared ? Callback<void(const Error&)>([shared](const Error& error) { (*shared)(error); })
                : nullptr);
  });
}

const Address& Listener::address() const { return state_->address; }

std::vector<Address> Listener::addresses() const {
  std::vector<Address> all{state_->address};
  for (const auto& other : others_) all.push_back(other->address);
  return all;
}

template <class Function>
void Listener::for_each(Function function) {
  function(*state_);
  for (const auto& other : others_) function(*other);
}

void Listener::pause() {
  for_each([](State& state) { state.pause(State::paused); });
}

void Listener::resume() {
  for_each([](State& state) {
    state.resume_or_rest(State::paused);
    state.schedule_if_work_is_left();
  });
}

void Listener::drain() {
  for_each([](State& state) { state.drain(); });
}

void Listener::hand_over() {
  for_each([](State& state) { state.hand_over(); });
}

std::vector<int> Listener::descriptors() const {
  std::vector<int> all;
  if (state_->socket) all.push_back(state_->socket.fd());
  for (const auto& other : others_) {
    if (other->socket) all.push_back(other->socket.fd());
  }
  return all;
}

Result<std::vector<Socket>> inherited_listeners() {
  constexpr int first_inherited = 3;
  const char* const process = std::getenv("LISTEN_PID");
  const char* const count = std::getenv("LISTEN_FDS");
  std::vector<Socket> sockets;
  if (!process || !count || std::atol(process) != getpid()) return sockets;
  for (int fd = first_inherited; fd < first_inherited + std::atoi(count); ++fd) {
    auto socket = Socket::adopt(fd);
    if (!socket) return Failure(socket.error());
    sockets.push_back(std::move(*socket));
  }
  ::unsetenv("LISTEN_PID");
  ::unsetenv("LISTEN_FDS");
  return sockets;
}

void Listener::set_name(std::string_view name) {
  for_each([name](State& state) { state.set_name(std::string(name)); });
}

}  // namespace reactor
