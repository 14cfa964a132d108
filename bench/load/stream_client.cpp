#include "bench/load/stream_client.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "bench/load/tls.hpp"

namespace bench {

namespace {

constexpr std::size_t buffer_bytes = 256 << 10;

// A closed connection keeps its local port for a minute. Addresses all over 127.0.0.0/8 have enough
// ports.
void bind_to_any_loopback_address(int fd, std::uint32_t number) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number % 250);
  const int on = 1;
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) < 0) fail("bind");
}

bool is_loopback_4(const Endpoint& endpoint) {
  return endpoint.family() == AF_INET &&
         ntohl(reinterpret_cast<const sockaddr_in&>(endpoint.storage).sin_addr.s_addr) >> 24 == 127;
}

}  // namespace

// One connection: how much of its stream was released, sent and received. A stream is the repeated
// text of the traffic, starting at a place that depends on the connection.
class StreamClient::Connection final : public Pollable {
 public:
  Connection(StreamClient& client, std::size_t index)
      : client_(client), index_(index), http_(client.options_.verify) {
    if (!client.options_.open_loop()) sent_at_.resize(std::bit_ceil(client.options_.pipeline));
    if (client.options_.tls) tls_ = make_tls_connection(client.options_.tls_resume);
  }
  ~Connection() {
    if (fd_ >= 0) close(fd_);
  }

  void open(Time now);
  /// Allows `count` more messages to be sent, but no more than the connection's quota.
  void release(std::uint64_t count, Time now);
  void on_ready(std::uint32_t events) override;
  [[nodiscard]] std::uint64_t released() const { return released_; }

 private:
  // False until the handshake is complete.
  bool shake_hands();
  void flush();
  void read();
  void on_bytes(std::string_view bytes, Time now);
  [[nodiscard]] bool verify(std::string_view bytes);
  [[nodiscard]] std::uint64_t answers_in(std::string_view bytes);
  // The connection whose messages this one receives. In a broadcast it is the last accepted one, so
  // the server has all connections when it receives its message.
  [[nodiscard]] const Connection& sender() const {
    return client_.options_.broadcast ? *client_.connections_.back() : *this;
  }
  void on_answers(std::uint64_t count, Time now);
  void reconnect(Time now);
  void die(const std::string& why);

  StreamClient& client_;
  const std::size_t index_;
  int fd_ = -1;
  bool was_open_ = false;   // At least once; later opens are churn.
  bool connected_ = false;  // Known to be connected.
  bool secured_ = true;     // No handshake is pending.
  std::unique_ptr<TlsConnection> tls_;
  bool blocked_ = false;  // The kernel took no more; EPOLLOUT will report room.

  std::uint64_t released_ = 0;  // In messages.
  std::uint64_t answered_ = 0;
  std::uint64_t bytes_to_send_ = 0;
  std::size_t send_position_ = 0;  // In the text.
  std::size_t receive_position_ = 0;
  std::size_t partial_answer_ = 0;  // Bytes of an echo that is not complete.
  HttpAnswers http_;
  std::vector<Time> sent_at_;  // Of the messages in flight, by their number modulo its size.
};

void StreamClient::Connection::open(Time now) {
  fd_ = socket(client_.target_.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) fail("socket");
  if (client_.target_.is_tcp()) set_no_delay(fd_);
  if (client_.options_.churn && is_loopback_4(client_.target_)) {
    bind_to_any_loopback_address(fd_, client_.source_address_++);
  }
  connected_ = false;
  blocked_ = true;
  bytes_to_send_ = 0;
  partial_answer_ = 0;
  send_position_ = receive_position_ = client_.traffic_.start_of(sender().index_);

  const auto& target = client_.target_;
  if (connect(fd_, target.address(), target.size) < 0 && errno != EINPROGRESS) {
    return die("connect: " + std::string(std::strerror(errno)));
  }
  if (tls_) {
    tls_->connect(fd_);
    secured_ = false;
  }
  if (was_open_) {
    // Over loopback the connection mostly exists already, so the message can be sent.
    blocked_ = false;
    release(1, now);
  }
  if (fd_ >= 0) client_.poller_.add(fd_, *this, connected_ ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

void StreamClient::Connection::release(std::uint64_t count, Time now) {
  count = std::min(count, client_.quota_of(index_) - released_);
  if (!sent_at_.empty()) {
    for (std::uint64_t i = 0; i < count; ++i)
      sent_at_[(released_ + i) & (sent_at_.size() - 1)] = now;
  }
  released_ += count;
  bytes_to_send_ += count * client_.traffic_.request_bytes();
  if (!blocked_) flush();
}

void StreamClient::Connection::on_ready(std::uint32_t events) {
  if (fd_ < 0) return;
  if (!connected_ && (events & (EPOLLOUT | EPOLLERR))) {
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return die("connect: " + std::string(std::strerror(error)));
    connected_ = true;
  }
  if (!secured_ && !shake_hands()) return;
  if (connected_ && !std::exchange(was_open_, true)) client_.on_connected(*this, time_now());
  // OpenSSL may have waited for either direction.
  if (events & EPOLLOUT || tls_) blocked_ = false;
  if (bytes_to_send_ > 0 && !blocked_) flush();
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read();
}

bool StreamClient::Connection::shake_hands() {
  secured_ = tls_->handshake() == 0;
  if (!secured_ && errno != EAGAIN) die("TLS handshake: " + std::string(std::strerror(errno)));
  return secured_;
}

void StreamClient::Connection::flush() {
  const std::string_view text = client_.traffic_.text();
  while (bytes_to_send_ > 0) {
    const std::size_t whole = std::min<std::uint64_t>(bytes_to_send_, text.size() - send_position_);
    const ssize_t sent = tls_ ? tls_->send(text.data() + send_position_, whole)
                              : send(fd_, text.data() + send_position_, whole, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) {
        blocked_ = true;
        return;
      }
      return die("send: " + std::string(std::strerror(errno)));
    }
    connected_ = true;
    bytes_to_send_ -= static_cast<std::size_t>(sent);
    send_position_ += static_cast<std::size_t>(sent);
    if (send_position_ == text.size()) send_position_ = 0;
  }
}

void StreamClient::Connection::read() {
  auto& buffer = client_.buffer_;
  while (fd_ >= 0) {
    const ssize_t count = tls_ ? tls_->recv(buffer.data(), buffer.size())
                               : recv(fd_, buffer.data(), buffer.size(), 0);
    if (count < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return;
      return die("recv: " + std::string(std::strerror(errno)));
    }
    if (count == 0) return die("closed by the server");
    on_bytes({buffer.data(), static_cast<std::size_t>(count)}, time_now());
    // The descriptor is edge-triggered: input that arrives after a short read is a new edge.
    // OpenSSL returns one record at a time.
    if (!tls_ && static_cast<std::size_t>(count) < buffer.size()) return;
  }
}

void StreamClient::Connection::on_bytes(std::string_view bytes, Time now) {
  if (client_.options_.verify && client_.traffic_.echoed() && !verify(bytes)) {
    return die("an answer differs from what was sent");
  }
  std::uint64_t answers = 0;
  try {
    answers = answers_in(bytes);
  } catch (const std::runtime_error& error) {
    return die(error.what());
  }
  if (answers > sender().released_ - answered_)
    return die("the server sent more than was requested");
  if (answers > 0) on_answers(answers, now);
}

bool StreamClient::Connection::verify(std::string_view bytes) {
  const std::string_view text = client_.traffic_.text();
  while (!bytes.empty()) {
    const std::string_view expected = text.substr(receive_position_, bytes.size());
    if (!bytes.starts_with(expected)) return false;
    bytes.remove_prefix(expected.size());
    receive_position_ = (receive_position_ + expected.size()) % text.size();
  }
  return true;
}

std::uint64_t StreamClient::Connection::answers_in(std::string_view bytes) {
  if (!client_.traffic_.echoed()) return http_.feed(bytes);
  const std::size_t received = partial_answer_ + bytes.size();
  partial_answer_ = received % client_.traffic_.request_bytes();
  return received / client_.traffic_.request_bytes();
}

void StreamClient::Connection::on_answers(std::uint64_t count, Time now) {
  auto& client = client_;
  const std::vector<Time>& sent_at_all = sender().sent_at_;
  for (std::uint64_t i = 0; i < count; ++i, ++answered_) {
    const Time sent_at =
        client.schedule_ ? client.schedule_->due(answered_ * client.options_.connections + index_)
                         : sent_at_all[answered_ & (sent_at_all.size() - 1)];
    client.meter_.answered(sent_at, now);
  }
  if (answered_ == client.quota_of(index_)) return client.on_quota_done(now);
  if (client.schedule_) return;
  if (client.options_.broadcast) return client.on_broadcast_answers(count, now);
  if (client.options_.churn) return reconnect(now);
  if (!client.options_.batch) return release(count, now);
  if (answered_ == released_) release(client.options_.pipeline, now);
}

void StreamClient::Connection::reconnect(Time now) {
  if (tls_) tls_->end();
  close(fd_);
  open(now);
}

void StreamClient::Connection::die(const std::string& why) {
  close(fd_);
  fd_ = -1;
  client_.meter_.error(why);
  client_.on_dead(time_now());
}

StreamClient::StreamClient(const Options& options, const Traffic& traffic, Poller& poller,
                           Meter& meter)
    : options_(options),
      traffic_(traffic),
      poller_(poller),
      meter_(meter),
      target_(parse_endpoint(options.target)),
      started_(time_now()),
      buffer_(buffer_bytes) {
  for (std::size_t i = 0; i < options.connections; ++i) {
    connections_.push_back(std::make_unique<Connection>(*this, i));
  }
  if (connections_.empty()) begin(started_);
}

StreamClient::~StreamClient() = default;

std::uint64_t StreamClient::quota_of(std::size_t connection) const {
  if (options_.messages == 0) return ~std::uint64_t{0};
  const std::uint64_t count = options_.connections;
  return options_.messages / count + (connection < options_.messages % count ? 1 : 0);
}

Time StreamClient::opening_time(std::size_t connection) const {
  const Time interval =
      options_.ramp > 0 ? nanoseconds(options_.ramp) / options_.connections : opening_interval;
  return started_ + interval * connection;
}

void StreamClient::on_time(Time now) {
  while (connecting_or_open_ < connections_.size() && opening_time(connecting_or_open_) <= now) {
    connections_[connecting_or_open_++]->open(now);
  }
  if (!schedule_) return;
  while (schedule_->due(due_messages_) <= now) {
    connections_[due_messages_++ % connections_.size()]->release(1, now);
  }
}

Time StreamClient::next_time() const {
  if (connecting_or_open_ < connections_.size()) return opening_time(connecting_or_open_);
  return schedule_ ? schedule_->due(due_messages_) : never;
}

void StreamClient::on_connected(Connection& connection, Time now) {
  ++open_;
  if (options_.ramp > 0 && !options_.open_loop()) connection.release(options_.pipeline, now);
  if (open_ == connections_.size()) begin(now);
}

void StreamClient::begin(Time now) {
  meter_.begin(now);
  if (connections_.empty()) return;
  if (options_.open_loop()) {
    schedule_.emplace(options_.rate, now);
  } else if (options_.broadcast) {
    connections_.back()->release(options_.pipeline, now);
  } else if (options_.ramp == 0) {
    for (auto& connection : connections_) connection->release(options_.pipeline, time_now());
  }
  if (options_.messages > 0 && options_.messages < connections_.size()) {
    done_ = connections_.size() - options_.messages;  // These have no messages to send.
  }
}

void StreamClient::on_broadcast_answers(std::uint64_t count, Time now) {
  Connection& sender = *connections_.back();
  received_ += count;
  if (received_ == sender.released() * connections_.size()) sender.release(options_.pipeline, now);
}

void StreamClient::on_quota_done(Time now) {
  if (++done_ == connections_.size()) meter_.finish(now);
}

void StreamClient::on_dead(Time now) {
  if (++dead_ == connections_.size() || !meter_.begun() || options_.broadcast) meter_.finish(now);
}

}  // namespace bench
