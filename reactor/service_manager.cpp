#include "reactor/service_manager.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "reactor/engine.hpp"
#include "reactor/platform/sys.hpp"

namespace reactor::inline v0 {
namespace {

constexpr int first_passed = 3;

std::string_view variable(const char* name) {
  const char* const value = std::getenv(name);
  return value ? value : "";
}

template <class Number>
std::optional<Number> to_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

std::string take_until_colon(std::string_view& names) {
  const std::string_view name = names.substr(0, names.find(':'));
  names.remove_prefix(std::min(names.size(), name.size() + 1));
  return std::string(name);
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 255 && std::all_of(name.begin(), name.end(), [](char c) {
    return c >= ' ' && c != 0x7F && c != ':';
  });
}

// A line end would begin another variable.
std::string one_line(std::string_view text) {
  std::string line(text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

}  // namespace

Result<std::vector<PassedSocket>> take_passed_sockets() {
  const auto process = to_number<pid_t>(variable("LISTEN_PID"));
  const auto count = to_number<int>(variable("LISTEN_FDS"));
  const std::string all_names(variable("LISTEN_FDNAMES"));
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) unsetenv(name);

  std::vector<PassedSocket> passed;
  if (process != getpid() || !count) return passed;
  std::string_view names = all_names;
  for (int fd = first_passed; fd - first_passed < *count; ++fd) {
    auto socket = Socket::adopt(fd);
    if (!socket) {
      for (PassedSocket& taken : passed) (void)taken.socket.release();
      return Failure(std::move(socket.error()));
    }
    passed.push_back({take_until_colon(names), std::move(*socket)});
  }
  return passed;
}

struct ServiceManager::State final : TimerHandle {
  explicit State(Engine& engine) : TimerHandle(engine, Kind::timer) {}

  void start_watchdog(Nanoseconds period) {
    watchdog_period = period;
    expire_at(saturating_sum(Engine::clock(), period));
  }

  void on_expired() override {
    (void)report("WATCHDOG=1");  // If the manager is gone, it cannot end this process.
    start_watchdog(watchdog_period);
  }

  void unregister() noexcept override { cancel(); }

  // Also sends `fd`, unless it is negative.
  [[nodiscard]] Result<void> report(const std::string& text, int fd = -1) const {
    if (!socket) return {};
    iovec part{const_cast<char*>(text.data()), text.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
    if (fd >= 0) {
      message.msg_control = control;
      message.msg_controllen = sizeof control;
      cmsghdr* const header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof fd);
      std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    }
    const ssize_t sent = sys::sendmsg(socket.fd(), &message, MSG_NOSIGNAL);
    if (sent < 0) return Failure(system_error(static_cast<int>(-sent), "report to", subject));
    return {};
  }

  std::string subject;
  Socket socket;
  Nanoseconds watchdog_period = 0;
};

Result<ServiceManager> ServiceManager::connect(Loop& loop) {
  ServiceManager manager(new State(loop.engine()));
  State& state = *manager.state_;
  const std::string_view path = variable("NOTIFY_SOCKET");
  if (path.empty()) return manager;

  state.subject = "service manager " + std::string(path);
  if (!path.starts_with('/') && !path.starts_with('@')) {
    return Failure(system_error(EINVAL, "connect", state.subject));
  }
  const auto address = Address::parse("unix:" + std::string(path));
  if (!address) return Failure(address.error());
  auto socket = Socket::open(Family::unix_socket, SocketType::datagram);
  if (!socket) return Failure(socket.error());
  if (auto connected = socket->connect(*address); !connected) return Failure(connected.error());
  state.socket = std::move(*socket);

  const std::string_view watchdog = variable("WATCHDOG_USEC");
  const std::string_view watched = variable("WATCHDOG_PID");
  if (watchdog.empty() || (!watched.empty() && to_number<pid_t>(watched) != getpid())) {
    return manager;
  }
  const auto microseconds = to_number<std::uint64_t>(watchdog);
  if (!microseconds || *microseconds == 0) {
    return Failure(system_error(EINVAL, "read WATCHDOG_USEC", std::string(watchdog)));
  }
  const Duration half = std::chrono::duration<std::uint64_t, std::micro>(*microseconds / 2 + 1);
  state.start_watchdog(half.count());
  return manager;
}

bool ServiceManager::is_present() const { return static_cast<bool>(state_->socket); }

Result<void> ServiceManager::ready(std::string_view status) {
  const std::string line = status.empty() ? "" : "\nSTATUS=" + one_line(status);
  return state_->report("READY=1" + line);
}

Result<void> ServiceManager::stopping(std::string_view status) {
  const std::string line = status.empty() ? "" : "\nSTATUS=" + one_line(status);
  return state_->report("STOPPING=1" + line);
}

Result<void> ServiceManager::status(std::string_view status) {
  return state_->report("STATUS=" + one_line(status));
}

Result<void> ServiceManager::store(std::string_view name, int fd) {
  if (!is_name(name)) return Failure(system_error(EINVAL, "store descriptor", std::string(name)));
  if (fd < 0) return Failure(system_error(EBADF, "store descriptor", std::string(name)));
  return state_->report("FDSTORE=1\nFDNAME=" + std::string(name), fd);
}

Result<void> ServiceManager::forget(std::string_view name) {
  if (!is_name(name)) return Failure(system_error(EINVAL, "forget descriptor", std::string(name)));
  return state_->report("FDSTOREREMOVE=1\nFDNAME=" + std::string(name));
}

}  // namespace reactor
