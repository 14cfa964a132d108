#include "reactor/simulation/tcp.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>

#include "reactor/socket_option.hpp"

namespace reactor::inline v0::simulation {
namespace {

using Nanoseconds = Events::Nanoseconds;

constexpr Nanoseconds second = 1'000'000'000;
constexpr Nanoseconds first_retry = second / 5;
constexpr Nanoseconds longest_retry = 120 * second;
// As Linux: 15 repetitions of a segment, and 6 of a SYN.
constexpr Nanoseconds most_without_progress = 924 * second;
constexpr int most_syns = 7;

}  // namespace

// ---- Calls

int TcpSocket::connect(const Endpoint& to) {
  if (state_ == State::connecting) return -EALREADY;
  if (state_ == State::connected) return -EISCONN;
  if (state_ != State::fresh) return -EINVAL;
  if (to.ip.is_multicast() || to.ip.is_broadcast()) return -ENETUNREACH;
  peer_address = to;
  state_ = State::connecting;
  int failed = bind_to_any_port();
  if (failed == 0 && host) failed = begin_connecting();
  if (failed == 0) return -EINPROGRESS;
  state_ = State::fresh;
  return failed;
}

// A socket that connects outside of a host's loop begins once it is watched.
void TcpSocket::begin() {
  if (state_ != State::connecting) return;
  if (const int failed = begin_connecting()) fail(-failed);
}

int TcpSocket::begin_connecting() {
  local.ip = source();
  if (peer_address.ip.is_any()) peer_address.ip = host->ip;
  if (host->connections.has(key())) return -EADDRNOTAVAIL;
  hold_key();
  send_syn(0);
  return 0;
}

// ---- Its place among the connections of the host

Ip TcpSocket::source() const {
  if (!local.ip.is_any()) return local.ip;
  return peer_address.ip.is_loopback() ? peer_address.ip : host->ip;
}

Connections::Key TcpSocket::key() const { return {local.port, source(), peer_address}; }

void TcpSocket::hold_key() {
  host->connections.add(key(), {this, int_option(SOL_SOCKET, SO_REUSEADDR) != 0,
                                int_option(SOL_SOCKET, SO_REUSEPORT) != 0});
}

void TcpSocket::release_key() {
  if (host && peer_address.port != 0) host->connections.remove(key(), this);
}

// A port that the system chooses for a connection may be that of one to another peer.
bool TcpSocket::has_conflict() const {
  if (Socket::has_conflict()) return true;
  if (state_ == State::connecting && has_chosen_port()) return host->connections.has(key());
  const bool reuses_address = int_option(SOL_SOCKET, SO_REUSEADDR) != 0;
  const bool reuses_port = int_option(SOL_SOCKET, SO_REUSEPORT) != 0;
  return host->connections.any_at(local.port, [&](const Ip& ip, const Connections::Held& held) {
    if (!overlap(local.ip, ip) || (is_only_ipv6() && ip.is_ipv4())) return false;
    return !(reuses_address && held.reuses_address) && !(reuses_port && held.reuses_port);
  });
}

int TcpSocket::listen(int backlog) {
  if (state_ != State::fresh && state_ != State::listening) return -EINVAL;
  if (const int failed = bind_to_any_port()) return failed;
  state_ = State::listening;
  set_backlog(backlog);
  return 0;
}

ssize_t TcpSocket::recv(char* to, std::size_t size, bool peek) {
  if (in_.size() > 0) {
    const std::size_t taken = std::min(size, in_.size());
    std::copy_n(in_.data(), taken, to);
    if (peek) return static_cast<ssize_t>(taken);
    in_.drop(taken);
    if (window_was_closed_ && peer_ && !vanished_) {
      window_was_closed_ = false;
      world().events.after(world().network.segment_delay(local.ip, peer_address.ip, 0),
                           [this] { peer_->pump(); });
    }
    return static_cast<ssize_t>(taken);
  }
  if (error != 0) return -take_error();
  if (in_ended_ || reading_is_shut_ || state_ == State::ended) return 0;
  return state_ == State::fresh || state_ == State::listening ? -ENOTCONN : -EAGAIN;
}

ssize_t TcpSocket::send(const char* data, std::size_t size) {
  if (error != 0) return -take_error();
  if (end_wanted_ || state_ == State::ended || state_ == State::fresh) return -EPIPE;
  if (state_ == State::listening) return -ENOTCONN;
  const std::size_t used = out_.size() + unacknowledged_;
  const std::size_t room = send_buffer_bytes() - std::min(used, send_buffer_bytes());
  if (state_ == State::connecting || room == 0) {
    lacks_room_ = true;
    return -EAGAIN;
  }
  const std::size_t taken = std::min(size, room);
  if (taken < size) lacks_room_ = true;
  out_.append(data, taken);
  pump();
  return static_cast<ssize_t>(taken);
}

int TcpSocket::shutdown(int how) {
  if (state_ != State::connected) return -ENOTCONN;
  if (how != SHUT_WR) reading_is_shut_ = true;
  if (how != SHUT_RD) {
    end_wanted_ = true;
    pump();
  }
  wake(Happened::readable | Happened::writable | Happened::peer_closed | Happened::hung_up);
  return 0;
}

int TcpSocket::unsent_bytes() const {
  if (state_ == State::listening) return -EINVAL;
  return static_cast<int>(out_.size() + unacknowledged_);
}

unsigned TcpSocket::ready() {
  if (state_ == State::listening) return accepted_.empty() ? 0 : Happened::readable;
  unsigned happened = error != 0 ? Happened::failed : 0;
  const bool input_is_over = in_ended_ || reading_is_shut_ || state_ == State::ended;
  const bool output_is_over = end_wanted_ || state_ == State::ended;
  if (state_ == State::fresh) return happened | Happened::writable | Happened::hung_up;
  if (input_is_over && output_is_over) happened |= Happened::hung_up;
  if (input_is_over) happened |= Happened::readable | Happened::peer_closed;
  if (in_.size() > 0) happened |= Happened::readable;
  if (state_ == State::connecting) return happened;
  if (output_is_over || is_writable()) {
    happened |= Happened::writable;
  } else {
    lacks_room_ = true;
  }
  return happened;
}

// A connection that is being made is not reported as made.
unsigned TcpSocket::may_be_spurious() const {
  return state_ == State::connecting ? Happened::readable : Socket::may_be_spurious();
}

// What was sent still arrives, unless something of the peer's is left unread.
void TcpSocket::close() {
  const auto linger = options.find({SOL_SOCKET, SO_LINGER});
  const bool resets = linger != options.end() && linger->second.size() >= sizeof(::linger) &&
                      int_option(SOL_SOCKET, SO_LINGER) != 0;
  for (StreamSocket* const each : std::exchange(accepted_, {})) {
    auto* const waiting = static_cast<TcpSocket*>(each);
    waiting->is_open = false;
    waiting->send_reset();
    waiting->leave();
  }
  release_port();
  if (state_ == State::connected && !vanished_) {
    if (!resets && in_.size() == 0) {
      end_wanted_ = true;
      pump();
      if (end_sent_ && !in_ended_) host->connections.wait(key(), this);  // In case no end comes.
      return;
    }
    send_reset();
  }
  leave();
}

void TcpSocket::vanish() {
  release_port();
  vanished_ = true;
  leave();
}

// ---- Sending

// Linux reports room only once a third is free.
bool TcpSocket::is_writable() const {
  const std::size_t used = out_.size() + unacknowledged_;
  return used < send_buffer_bytes() && (send_buffer_bytes() - used) * 2 >= used;
}

// Segments of one connection keep their order.
Nanoseconds TcpSocket::arrival(std::size_t bytes) {
  Environment& in = world();
  const Nanoseconds delay = in.network.segment_delay(local.ip, peer_address.ip, bytes);
  return last_arrival_ = std::max(last_arrival_, in.events.now() + delay);
}

bool TcpSocket::reaches_peer() const { return !world().network.is_cut(local.ip, peer_address.ip); }

Packet TcpSocket::packet(Packet::Kind kind, std::size_t size) const {
  return {kind, local, peer_address, sent_, received_, size};
}

void TcpSocket::pump() {
  if (retrying_ || state_ != State::connected || !peer_ || vanished_) return;
  Environment& in = world();
  if (unacknowledged_ == 0 && retry_delay_ == 0) progressed_at_ = in.events.now();
  while (out_.size() > 0 || (end_wanted_ && !end_sent_)) {
    const std::size_t occupied = peer_->in_.size() + in_flight_;
    const std::size_t window = peer_->receive_buffer_bytes();
    const std::size_t room = window - std::min(window, occupied);
    const std::size_t available = std::min(out_.size(), room);
    if (out_.size() > 0 && available == 0) {
      peer_->window_was_closed_ = true;
      return;
    }
    if (!reaches_peer()) return retry_later();
    const std::size_t size = in.network.segment_bytes(local.ip, peer_address.ip, available);
    const bool is_end = size == out_.size() && end_wanted_;
    std::string bytes(out_.data(), size);
    Packet sent = packet(size > 0 ? Packet::Kind::data : Packet::Kind::fin, size);
    out_.drop(size);
    unacknowledged_ += size;
    in_flight_ += size;
    sent_ += size;
    end_sent_ = is_end;
    in.events.at(arrival(size),
                 [to = peer_, bytes = std::move(bytes), is_end, sent = std::move(sent)]() mutable {
                   to->segment_arrives(std::move(bytes), is_end, std::move(sent));
                 });
  }
}

void TcpSocket::retry_later() {
  Environment& in = world();
  if (retrying_) return;
  retrying_ = true;
  retry_delay_ = std::clamp(retry_delay_ * 2, first_retry, longest_retry);
  in.events.after(retry_delay_, [this] {
    retrying_ = false;
    if (state_ != State::connected || vanished_) return;
    const int user_timeout = int_option(option::user_timeout.level, option::user_timeout.number);
    const Nanoseconds most =
        user_timeout > 0 ? Nanoseconds{user_timeout} * 1'000'000 : most_without_progress;
    if (world().events.now() - progressed_at_ >= most) return fail(ETIMEDOUT);
    if (peer_->is_gone()) return peer_->answer_unknown(*this);
    pump();
    if (!retrying_) retry_delay_ = 0;
  });
}

// An acknowledgement that is lost follows with a later one.
void TcpSocket::acknowledge(std::size_t size) {
  Environment& in = world();
  if (!reaches_peer()) {
    in.events.after(first_retry, [this, size] {
      if (!vanished_) acknowledge(size);
    });
    return;
  }
  in.events.after(in.network.segment_delay(local.ip, peer_address.ip, 0),
                  [to = peer_, size] { to->acknowledged(size); });
}

void TcpSocket::acknowledged(std::size_t size) {
  if (state_ != State::connected) return;
  heard();
  unacknowledged_ -= std::min(size, unacknowledged_);
  progressed_at_ = world().events.now();
  if (lacks_room_ && is_writable()) {
    lacks_room_ = false;
    wake(Happened::writable);
  }
}

// ---- Arrivals

void TcpSocket::segment_arrives(std::string bytes, bool is_end, Packet packet) {
  TcpSocket& sender = *peer_;
  const std::size_t size = bytes.size();
  sender.in_flight_ -= std::min(size, sender.in_flight_);
  if (is_gone()) return answer_unknown(sender);
  packet.bytes = world().trace.captures() ? bytes : std::string();
  const Endpoint from = packet.from;
  const Endpoint to = packet.to;
  const std::uint64_t end = packet.sequence + size;
  world().trace.packet(std::move(packet));
  if (!is_open && size > 0) {  // It will never be read.
    send_reset();
    return leave();
  }
  heard();
  received_ += size;
  in_.append(bytes.data(), size);
  if (size > 0) acknowledge(size);
  unsigned happened = size > 0 ? Happened::readable : 0;
  if (is_end) {
    if (size > 0) world().trace.packet({Packet::Kind::fin, from, to, end, sent_});
    in_ended_ = true;
    // The end that has closed first keeps the addresses.
    if (end_sent_) {
      host->connections.wait(key(), this);
      if (peer_->in_ended_) peer_->release_key();
    }
    happened |= Happened::readable | Happened::peer_closed | Happened::hung_up;
  }
  wake(happened);
}

// A host that is down is silent. One that is up does not know the connection: it has restarted, or
// the connection was reset. A reset that is lost follows when the sender repeats its segment.
void TcpSocket::answer_unknown(TcpSocket& sender) {
  if (!host->is_up || world().network.is_cut(local.ip, peer_address.ip)) {
    return sender.retry_later();
  }
  world().events.after(world().network.segment_delay(local.ip, peer_address.ip, 0),
                       [to = &sender] { to->reset_arrives(); });
}

void TcpSocket::send_reset() {
  if (!peer_ || !reaches_peer()) return;
  world().events.at(arrival(0), [to = peer_, sent = packet(Packet::Kind::rst)]() mutable {
    to->world().trace.packet(std::move(sent));
    to->reset_arrives();
  });
}

// Once all has been sent and received, both ways, a reset is no error.
void TcpSocket::reset_arrives() {
  const bool is_complete = end_sent_ && in_ended_ && unacknowledged_ == 0;
  if (state_ != State::connected || is_complete) return;
  fail(in_ended_ ? EPIPE : ECONNRESET);
}

void TcpSocket::reset_by_network() {
  if (state_ != State::connected || !peer_) return;
  send_reset();
  fail(ECONNRESET);
}

void TcpSocket::fail(int number) {
  if (is_open) error = number;
  leave();
  wake(~0U);
}

// What arrived before can still be read.
void TcpSocket::leave() {
  release_key();
  state_ = State::ended;
  out_.clear();
  if (!is_open) {
    in_.clear();
    release_port();
  }
  unacknowledged_ = 0;
}

// ---- The handshake

// Of several that share a port, one by chance.
TcpSocket* TcpSocket::listener_at(Computer& computer, const Endpoint& at) {
  const auto same_port = computer.tcp.find(at.port);
  if (same_port == computer.tcp.end()) return nullptr;
  std::vector<TcpSocket*> all;
  for (Socket* const socket : same_port->second) {
    const bool hears_all =
        socket->local.ip.is_any() && (at.ip.is_ipv4() || socket->family() == AF_INET6);
    if (socket->is_listening() && (hears_all || socket->local.ip == at.ip)) {
      all.push_back(static_cast<TcpSocket*>(socket));
    }
  }
  if (all.size() < 2) return all.empty() ? nullptr : all.front();
  return all[all.front()->world().chance.order.below(all.size())];
}

void TcpSocket::send_syn(int attempt) {
  if (state_ != State::connecting || vanished_) return;
  Environment& in = world();
  if (!reaches_peer()) return repeat_syn(attempt);
  in.events.at(arrival(0), [this, attempt] {
    Computer* const to = world().computer(peer_address.ip, host);
    world().trace.packet(packet(Packet::Kind::syn), to && to->is_up ? nullptr : "host is down");
    if (!to || !to->is_up) return repeat_syn(attempt);
    if (auto* const listener = listener_at(*to, peer_address)) {
      return listener->syn_arrives(*this, attempt);
    }
    if (world().network.is_cut(peer_address.ip, local.ip)) return repeat_syn(attempt);
    world().events.after(world().network.segment_delay(peer_address.ip, local.ip, 0), [this] {
      world().trace.packet({Packet::Kind::rst, peer_address, local});
      if (state_ == State::connecting) fail(ECONNREFUSED);
    });
  });
}

void TcpSocket::repeat_syn(int attempt) {
  world().events.after(second << std::min(attempt, most_syns), [this, attempt] {
    if (state_ != State::connecting || vanished_) return;
    if (attempt + 1 == most_syns) return fail(ETIMEDOUT);
    send_syn(attempt + 1);
  });
}

// A full queue drops the SYN, and the client repeats it.
void TcpSocket::syn_arrives(TcpSocket& client, int attempt) {
  Environment& in = world();
  if (client.state_ != State::connecting) return;
  if (is_backlog_full() || in.network.is_cut(client.peer_address.ip, client.local.ip)) {
    return client.repeat_syn(attempt);
  }
  auto& server = in.make<TcpSocket>(family());
  server.host = host;
  server.local = client.peer_address;
  server.peer_address = client.local;
  server.is_bound = true;
  server.peer_ = &client;
  server.state_ = State::connected;
  server.options = options;
  server.hold_key();
  client.peer_ = &server;
  in.events.at(server.arrival(0), [this, &client, &server] {
    world().trace.packet(server.packet(Packet::Kind::syn_ack));
    client.syn_ack_arrives(server);
    client.peer_->ack_arrives(*this);
  });
}

void TcpSocket::syn_ack_arrives(TcpSocket& server) {
  if (state_ != State::connecting) {  // The client has given up.
    server.leave();
    return;
  }
  state_ = State::connected;
  heard();
  start_keep_alive();
  wake(Happened::writable);
}

// The connection is in the listener's queue one trip later; until then it can receive.
void TcpSocket::ack_arrives(TcpSocket& listener) {
  if (state_ != State::connected) return;
  world().events.at(peer_->arrival(0), [this, &listener, sent = peer_->packet(Packet::Kind::ack)] {
    world().trace.packet(sent);
    if (vanished_) return;
    if (listener.state_ != State::listening) {
      is_open = false;
      send_reset();
      return leave();
    }
    heard();
    start_keep_alive();
    listener.accepted_.push_back(this);
    listener.wake(Happened::readable);
  });
}

// ---- Keep-alive

void TcpSocket::option_changed(int level, int number) {
  if (KeepAlive::concerns(level, number)) start_keep_alive();
}

void TcpSocket::start_keep_alive() {
  const unsigned round = ++keep_alive_round_;
  if (state_ != State::connected || !is_set(option::keep_alive)) return;
  world().events.at(keep_alive_.begin(*this), [this, round] { look_at_keep_alive(round); });
}

void TcpSocket::look_at_keep_alive(unsigned round) {
  if (round != keep_alive_round_ || state_ != State::connected || vanished_ || !is_open) return;
  Environment& in = world();
  Nanoseconds next = 0;
  const bool data_waits = unacknowledged_ > 0 || out_.size() > 0;
  switch (keep_alive_.look(*this, data_waits, in.events.now(), next)) {
    case KeepAlive::Due::failure:
      send_reset();
      return fail(ETIMEDOUT);
    case KeepAlive::Due::probe:
      probe();
      break;
    case KeepAlive::Due::nothing:
      break;
  }
  in.events.at(next, [this, round] { look_at_keep_alive(round); });
}

// A probe repeats a byte that the peer has, so that it is acknowledged.
void TcpSocket::probe() {
  Environment& in = world();
  const Packet sent = packet(Packet::Kind::keep_alive);
  if (!reaches_peer()) return in.trace.packet(sent, "partition");
  const auto delay = in.network.datagram_delay(local.ip, peer_address.ip, 0);
  if (!delay) return in.trace.packet(sent, "by chance");
  in.events.after(*delay, [this, sent] {
    Environment& here = world();
    here.trace.packet(sent, peer_->host->is_up ? nullptr : "host is down");
    if (!peer_->host->is_up || !peer_->reaches_peer()) return;
    if (peer_->is_gone()) return peer_->answer_unknown(*this);
    const auto back = here.network.datagram_delay(peer_address.ip, local.ip, 0);
    if (!back) return;
    peer_->heard();
    here.events.after(*back, [this, sent = peer_->packet(Packet::Kind::ack)] {
      world().trace.packet(sent);
      heard();
    });
  });
}

void TcpSocket::heard() { keep_alive_.heard(world().events.now()); }

}  // namespace reactor::simulation
