#include "reactor/simulation/unix_socket.hpp"

#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <utility>

namespace reactor::inline v0::simulation {
namespace {

constexpr socklen_t path_offset = offsetof(sockaddr_un, sun_path);
constexpr Events::Nanoseconds retry_interval = 1'000'000;

}  // namespace

std::optional<std::string> socket_name_of(const sockaddr* address, socklen_t size) {
  if (size < sizeof address->sa_family || address->sa_family != AF_UNIX) return std::nullopt;
  if (size <= path_offset) return std::string();
  const char* const bytes = reinterpret_cast<const char*>(address) + path_offset;
  const std::string_view name(bytes, size - path_offset);
  return std::string(name.starts_with('\0') ? name : name.substr(0, name.find('\0')));
}

void write_socket_name(const std::string& name, sockaddr* to, socklen_t* size) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name.data(), std::min(name.size(), sizeof address.sun_path));
  const bool is_path = !name.empty() && !name.starts_with('\0');
  const auto whole = static_cast<socklen_t>(
      name.empty() ? sizeof(sa_family_t) : path_offset + name.size() + (is_path ? 1 : 0));
  std::memcpy(to, &address, std::min({*size, whole, socklen_t{sizeof address}}));
  *size = whole;
}

// ---- Calls

int UnixSocket::bind_to(const std::string& name) {
  if (is_bound || name.empty()) return -EINVAL;
  name_ = name;
  is_bound = true;
  const int failed = host ? claim_address() : 0;
  if (failed == 0) return 0;
  name_.clear();
  is_bound = false;
  return failed;
}

// A socket that is bound outside of a host's loop has its name once it is watched.
int UnixSocket::claim_address() {
  Environment& in = world();
  const bool is_free = host->names.add(name_, {this, ++in.last_file, in.events.now()});
  return is_free ? 0 : -EADDRINUSE;
}

int UnixSocket::connect(const std::string& name) {
  if (state_ == State::connected) return -EISCONN;
  if (state_ != State::fresh) return state_ == State::connecting ? -EALREADY : -EINVAL;
  peer_name_ = name;
  if (host) return connect_now();
  state_ = State::connecting;
  return -EINPROGRESS;
}

// A kernel connects a unix socket at once. One that connects outside of a host's loop does so when
// it is watched, and waits itself while the backlog is full.
void UnixSocket::begin() {
  if (state_ != State::connecting || !is_open) return;
  state_ = State::fresh;
  const int result = connect_now();
  if (result == -EAGAIN) {
    state_ = State::connecting;
    return world().events.after(retry_interval, [this] { begin(); });
  }
  error = -result;
  wake(~0U);
}

int UnixSocket::connect_now() {
  const SocketNames::File* const file = host->names.find(peer_name_);
  if (!file) return peer_name_.starts_with('\0') ? -ECONNREFUSED : -ENOENT;
  UnixSocket* const listener = file->owner;
  if (!listener) return -ECONNREFUSED;
  if (listener->type() != type()) return -EPROTOTYPE;
  if (!listener->is_listening()) return -ECONNREFUSED;
  if (listener->is_backlog_full()) return -EAGAIN;
  auto& server = world().make<UnixSocket>(type());
  server.host = host;
  server.name_ = listener->name_;
  server.peer_name_ = name_;
  join(*this, server);
  note("connect", 0);
  listener->accepted_.push_back(&server);
  listener->wake(Happened::readable);
  return 0;
}

void UnixSocket::join(UnixSocket& left, UnixSocket& right) {
  left.peer_ = &right;
  right.peer_ = &left;
  left.state_ = right.state_ = State::connected;
}

int UnixSocket::listen(int backlog) {
  if (state_ != State::fresh && state_ != State::listening) return -EINVAL;
  if (!is_bound) return -EINVAL;
  state_ = State::listening;
  set_backlog(backlog);
  return 0;
}

ssize_t UnixSocket::recv(char* to, std::size_t size, bool peek) {
  if (in_.size() > 0) {
    const std::size_t taken = std::min(size, in_.size());
    std::copy_n(in_.data(), taken, to);
    if (peek) return static_cast<ssize_t>(taken);
    in_.drop(taken);
    read_ += taken;
    if (peer_->lacks_room_ && peer_->is_writable()) {
      peer_->lacks_room_ = false;
      peer_->wake(Happened::writable);
    }
    return static_cast<ssize_t>(taken);
  }
  if (error != 0) return -take_error();
  if (state_ != State::connected) return -EINVAL;
  return in_ended_ ? 0 : -EAGAIN;
}

ssize_t UnixSocket::send(const char* data, std::size_t size) { return send_with(data, size, {}); }

ssize_t UnixSocket::send_with(const char* data, std::size_t size, const Passed& sockets) {
  if (state_ == State::connecting) return -EAGAIN;
  if (state_ != State::connected) return -ENOTCONN;
  if (out_ended_) return -EPIPE;
  if (error != 0) return -take_error();
  const std::size_t used = peer_->in_.size();
  const std::size_t taken =
      std::min(size, send_buffer_bytes() - std::min(used, send_buffer_bytes()));
  if (taken < size) lacks_room_ = true;
  if (taken == 0 && size > 0) return -EAGAIN;
  peer_->in_.append(data, taken);
  if (!sockets.empty()) {
    for (Socket* const socket : sockets) ++socket->uses;
    peer_->attached_.push_back({peer_->received_, peer_->received_ + taken, sockets});
  }
  peer_->received_ += taken;
  note("data", taken);
  peer_->wake(Happened::readable);
  return static_cast<ssize_t>(taken);
}

std::size_t UnixSocket::next_read(std::size_t size) const {
  if (attached_.empty() || attached_.front().at >= read_ + size) return size;
  return std::min<std::size_t>(size, attached_.front().end - read_);
}

UnixSocket::Passed UnixSocket::take_passed(std::size_t size) {
  if (size == 0 || attached_.empty() || attached_.front().at >= read_ + size) return {};
  Passed sockets = std::move(attached_.front().sockets);
  attached_.pop_front();
  return sockets;
}

int UnixSocket::shutdown(int how) {
  if (state_ != State::connected) return -ENOTCONN;
  if (how != SHUT_WR) in_ended_ = peer_->out_ended_ = true;
  if (how != SHUT_RD) {
    if (!out_ended_) note("end", 0);
    out_ended_ = peer_->in_ended_ = true;
  }
  wake(~0U);
  peer_->wake(~0U);
  return 0;
}

int UnixSocket::unsent_bytes() const {
  return state_ == State::connected ? static_cast<int>(peer_->in_.size()) : 0;
}

// ---- Readiness

bool UnixSocket::is_writable() const { return peer_->in_.size() * 4 <= send_buffer_bytes(); }

unsigned UnixSocket::ready() {
  const unsigned failed = error != 0 ? Happened::failed : 0;
  switch (state_) {
    case State::listening:
      return accepted_.empty() ? 0 : Happened::readable;
    case State::connecting:
      return failed;
    case State::fresh:
      return failed | Happened::writable | Happened::hung_up;
    case State::connected:
      break;
  }
  unsigned happened = failed;
  if (in_ended_) happened |= Happened::readable | Happened::peer_closed;
  if (in_ended_ && out_ended_) happened |= Happened::hung_up;
  if (in_.size() > 0) happened |= Happened::readable;
  if (is_writable()) return happened | Happened::writable;
  lacks_room_ = true;
  return happened;
}

unsigned UnixSocket::may_be_spurious() const {
  return state_ == State::connecting ? Happened::readable : Socket::may_be_spurious();
}

// ---- Its end

// What was sent can still be read. What is left unread is an error of the peer.
void UnixSocket::close() {
  for (StreamSocket* const each : std::exchange(accepted_, {})) {
    auto* const waiting = static_cast<UnixSocket*>(each);
    waiting->is_open = false;
    waiting->lose_peer(true);
  }
  release_name();
  if (state_ == State::connected) lose_peer(in_.size() > 0);
}

void UnixSocket::lose_peer(bool is_reset) {
  note(is_reset ? "reset" : "close", 0);
  drop_input();
  in_ended_ = out_ended_ = peer_->in_ended_ = peer_->out_ended_ = true;
  if (is_reset && peer_->is_open) peer_->error = ECONNRESET;
  peer_->wake(~0U);
}

void UnixSocket::drop_input() {
  in_.clear();
  for (const Attached& attached : std::exchange(attached_, {})) {
    for (Socket* const socket : attached.sockets) socket->drop_use();
  }
}

void UnixSocket::release_name() {
  // An accepted socket has the name of its listener, and does not own it.
  if (host && is_bound) host->names.release(name_, this);
}

// Its peer is of the same host.
void UnixSocket::vanish() {
  release_name();
  in_.clear();
  attached_.clear();
  in_ended_ = out_ended_ = true;
}

void UnixSocket::note(const char* what, std::size_t size) const {
  const auto shown = [](std::string name) {
    if (name.starts_with('\0')) name[0] = '@';
    return name.empty() ? "unnamed" : name;
  };
  const std::string on = host ? to_string(host->ip) + " " : "";
  const std::string bytes = size > 0 ? " " + std::to_string(size) : "";
  world().trace.note("unix " + (what + (" " + on)) + shown(name_) + " > " + shown(peer_name_) +
                     bytes);
}

}  // namespace reactor::simulation
