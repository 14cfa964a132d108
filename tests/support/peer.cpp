#include "support/peer.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "reactor/socket_option.hpp"

using reactor::Address;
using reactor::Family;
using reactor::Interest;
using reactor::Socket;
using reactor::SocketType;

namespace {

Family family_of(Transport transport) {
  switch (transport) {
    case Transport::tcp4:
      return Family::ipv4;
    case Transport::tcp6:
      return Family::ipv6;
    default:
      return Family::unix_socket;
  }
}

bool has_ipv6() {
  auto socket = Socket::open(Family::ipv6, SocketType::stream);
  return socket && socket->bind(*Address::parse("[::1]:0"));
}

void set_buffer(Socket& socket, const reactor::SocketOption<int>& option, int bytes) {
  if (bytes > 0) REQUIRE(socket.set(option, bytes));
}

}  // namespace

const std::vector<Transport>& transports() {
  static const std::vector<Transport> all =
      has_ipv6() ? std::vector{Transport::tcp4, Transport::tcp6, Transport::unix_socket}
                 : std::vector{Transport::tcp4, Transport::unix_socket};
  return all;
}

std::string unused_path() {
  static std::atomic<int> count = 0;
  const auto name = "uvreactor-" + std::to_string(getpid()) + "-" + std::to_string(++count);
  return (std::filesystem::temp_directory_path() / name).string();
}

Address any_address(Transport transport) {
  switch (transport) {
    case Transport::tcp4:
      return *Address::parse("127.0.0.1:0");
    case Transport::tcp6:
      return *Address::parse("[::1]:0");
    default:
      return *Address::parse("unix:" + unused_path());
  }
}

Socket open_socket(Family family, SocketType type) {
  auto socket = Socket::open(family, type);
  REQUIRE(socket);
  return std::move(*socket);
}

Socket listening_socket(Transport transport, int backlog) {
  Socket socket = open_socket(family_of(transport));
  REQUIRE(socket.bind(any_address(transport)));
  REQUIRE(listen(socket.fd(), backlog) == 0);
  return socket;
}

Socket connect_to(const Address& address) {
  Socket socket = open_socket(address.family());
  const auto done = socket.connect(address);
  REQUIRE(done);
  pollfd wait{socket.fd(), POLLOUT, 0};
  REQUIRE(poll(&wait, 1, 20'000) == 1);
  REQUIRE_FALSE(socket.take_error());
  return socket;
}

std::array<Socket, 2> connected_sockets(Transport transport, Buffers buffers) {
  if (transport == Transport::unix_socket) {
    auto pair = reactor::socket_pair();
    REQUIRE(pair);
    set_buffer((*pair)[0], reactor::option::send_buffer, buffers.sender);
    return std::move(*pair);
  }
  Socket listening = listening_socket(transport);
  set_buffer(listening, reactor::option::receive_buffer, buffers.receiver);
  Socket first = connect_to(*listening.local_address());
  set_buffer(first, reactor::option::send_buffer, buffers.sender);
  REQUIRE(first.set(reactor::option::no_delay, true));
  const int fd = accept4(listening.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  REQUIRE(fd >= 0);
  return {std::move(first), Socket::own(fd)};
}

std::string_view Pattern::at(std::uint64_t offset, std::size_t most) {
  static const std::string twice = [] {
    std::string text(2 * period, '\0');
    std::uint32_t state = 1;
    for (std::size_t i = 0; i < period; ++i) {
      state = state * 1664525 + 1013904223;
      text[i] = text[i + period] = static_cast<char>(state >> 24);
    }
    return text;
  }();
  return std::string_view(twice).substr(offset % period, std::min(most, period));
}

std::string Pattern::text(std::size_t size) {
  std::string text;
  while (text.size() < size) text += at(text.size(), size - text.size());
  return text;
}

Peer::Peer(reactor::Loop& loop, Socket socket) : socket_(std::move(socket)) {
  auto watcher = reactor::Watcher::create(loop, socket_.fd(), Interest::readable,
                                          [this](reactor::Ready) { read(); });
  REQUIRE(watcher);
  watcher_.push_back(std::move(*watcher));
}

void Peer::read() {
  static std::string buffer(256 * 1024, '\0');
  const ssize_t size = recv(socket_.fd(), buffer.data(), std::min(buffer.size(), most_at_once_), 0);
  if (size < 0 && errno == EAGAIN) return;
  if (size <= 0) {
    ended_ = size == 0;
    if (!ended_) error_ = errno;
    watcher_.clear();
    return;
  }
  std::string_view text(buffer.data(), static_cast<std::size_t>(size));
  if (keep_) received_ += text;
  while (!keep_ && !text.empty()) {
    const std::string_view expected = Pattern::at(received_bytes_, text.size());
    matches_pattern_ = matches_pattern_ && text.starts_with(expected);
    received_bytes_ += expected.size();
    text.remove_prefix(expected.size());
  }
}

void Peer::hold() {
  for (auto& watcher : watcher_) watcher.set_interest(Interest::none);
}

void Peer::read_on() {
  for (auto& watcher : watcher_) watcher.set_interest(Interest::readable);
}

std::size_t Peer::send_some(std::string_view text) {
  const ssize_t size = ::send(socket_.fd(), text.data(), text.size(), MSG_NOSIGNAL);
  if (size >= 0) return static_cast<std::size_t>(size);
  REQUIRE((errno == EAGAIN || errno == ECONNRESET || errno == EPIPE));
  return 0;
}

void Peer::send(std::string_view text) { REQUIRE(send_some(text) == text.size()); }

void Peer::finish() { REQUIRE(shutdown(socket_.fd(), SHUT_WR) == 0); }

void Peer::close() {
  watcher_.clear();
  socket_ = Socket();
}

void Peer::reset() {
  REQUIRE(socket_.set(reactor::option::linger, std::chrono::seconds(0)));
  close();
}
