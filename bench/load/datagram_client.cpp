#include "bench/load/datagram_client.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace bench {

namespace {

constexpr std::size_t batch = 32;
constexpr Time look_for_losses_every = 100'000'000;
constexpr Time lost_after = 1'000'000'000;

}  // namespace

// One connected socket. Its messages are numbered; those from oldest_ up to released_ are in
// flight. An echo is matched by its content. A time is taken as the answer to the oldest message.
class DatagramClient::Socket final : public Pollable {
 public:
  Socket(DatagramClient& client, std::size_t index);
  ~Socket() { close(fd_); }

  void release(std::uint64_t count, Time now);
  void look_for_losses(Time now);
  void on_ready(std::uint32_t events) override;

 private:
  void flush();
  void on_datagram(std::string_view answer, Time now);
  void settle(std::uint64_t until, Time now);
  [[nodiscard]] std::string_view message(std::uint64_t number) const;
  [[nodiscard]] Time sent_at(std::uint64_t number) const;

  DatagramClient& client_;
  const std::size_t index_;
  int fd_;
  std::uint64_t oldest_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t released_ = 0;
  std::vector<Time> sent_at_;
};

DatagramClient::Socket::Socket(DatagramClient& client, std::size_t index)
    : client_(client),
      index_(index),
      fd_(socket(client.target_.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
  if (fd_ < 0) fail("socket");
  if (connect(fd_, client.target_.address(), client.target_.size) < 0) fail("connect");
  if (!client.options_.open_loop()) sent_at_.resize(std::bit_ceil(client.options_.pipeline));
  client.poller_.add(fd_, *this, EPOLLIN | EPOLLOUT);
}

void DatagramClient::Socket::release(std::uint64_t count, Time now) {
  count = std::min(count, client_.quota_of(index_) - released_);
  if (!sent_at_.empty()) {
    for (std::uint64_t i = 0; i < count; ++i) {
      sent_at_[(released_ + i) & (sent_at_.size() - 1)] = now;
    }
  }
  released_ += count;
  flush();
}

std::string_view DatagramClient::Socket::message(std::uint64_t number) const {
  const Traffic& traffic = client_.traffic_;
  const std::size_t place = (index_ * 17 + number) % traffic.requests();
  return traffic.text().substr(place * traffic.request_bytes(), traffic.request_bytes());
}

Time DatagramClient::Socket::sent_at(std::uint64_t number) const {
  if (!client_.schedule_) return sent_at_[number & (sent_at_.size() - 1)];
  return client_.schedule_->due(number * client_.options_.connections + index_);
}

void DatagramClient::Socket::flush() {
  while (sent_ < released_) {
    const std::size_t count = std::min<std::uint64_t>(batch, released_ - sent_);
    ssize_t sent = 0;
    if (count == 1) {
      const std::string_view datagram = message(sent_);
      sent = send(fd_, datagram.data(), datagram.size(), 0) < 0 ? -1 : 1;
    } else {
      for (std::size_t i = 0; i < count; ++i) {
        const std::string_view datagram = message(sent_ + i);
        client_.vectors_[i] = {const_cast<char*>(datagram.data()), datagram.size()};
      }
      sent = sendmmsg(fd_, client_.headers_.data(), static_cast<unsigned>(count), 0);
    }
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) client_.meter_.error("send: " + std::string(std::strerror(errno)));
      return;
    }
    sent_ += static_cast<std::uint64_t>(sent);
  }
}

void DatagramClient::Socket::on_ready(std::uint32_t events) {
  if ((events & EPOLLOUT) && sent_ < released_) flush();
  if (!(events & (EPOLLIN | EPOLLERR))) return;
  const std::size_t room = client_.buffer_.size() / batch;
  int count = 0;
  do {
    for (std::size_t i = 0; i < batch; ++i) {
      client_.vectors_[i] = {client_.buffer_.data() + i * room, room};
    }
    count = recvmmsg(fd_, client_.headers_.data(), batch, 0, nullptr);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      if (errno != EAGAIN) client_.meter_.error("recv: " + std::string(std::strerror(errno)));
      return;
    }
    const Time now = time_now();
    const std::uint64_t before = oldest_;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      on_datagram({client_.buffer_.data() + i * room, client_.headers_[i].msg_len}, now);
    }
    if (oldest_ == before) continue;
    if (oldest_ == client_.quota_of(index_)) return client_.on_quota_done(now);
    if (!client_.schedule_) release(client_.options_.pipeline - (released_ - oldest_), now);
  } while (count == static_cast<int>(batch));
}

void DatagramClient::Socket::on_datagram(std::string_view answer, Time now) {
  if (!client_.traffic_.echoed()) {
    if (client_.options_.verify && !is_time(answer)) client_.meter_.error("answered no time");
    if (oldest_ < released_) settle(oldest_, now);
    return;
  }
  // Sixteen bytes distinguish messages; with --verify all bytes have to be right.
  const std::size_t looked_at = client_.options_.verify ? answer.size() : 16;
  for (std::uint64_t number = oldest_; number < released_; ++number) {
    const std::string_view sent = message(number);
    if (sent.size() == answer.size() && sent.substr(0, looked_at) == answer.substr(0, looked_at)) {
      return settle(number, now);
    }
  }
  if (client_.options_.verify) client_.meter_.error("an answer differs from what was sent");
}

// Counts this message as answered and those before it as lost.
void DatagramClient::Socket::settle(std::uint64_t number, Time now) {
  client_.meter_.lost(number - oldest_);
  client_.meter_.answered(sent_at(number), now);
  oldest_ = number + 1;
}

void DatagramClient::Socket::look_for_losses(Time now) {
  if (oldest_ == released_ || now < sent_at(oldest_) + lost_after) return;
  client_.meter_.lost(released_ - oldest_);
  oldest_ = sent_ = released_;
  if (oldest_ == client_.quota_of(index_)) return client_.on_quota_done(now);
  if (!client_.schedule_) release(client_.options_.pipeline, now);
}

DatagramClient::DatagramClient(const Options& options, const Traffic& traffic, Poller& poller,
                               Meter& meter)
    : options_(options),
      traffic_(traffic),
      poller_(poller),
      meter_(meter),
      target_(parse_endpoint(options.target)),
      buffer_(batch * std::max<std::size_t>(options.size + 1, 512)),
      vectors_(batch),
      headers_(batch) {
  for (std::size_t i = 0; i < batch; ++i) {
    headers_[i].msg_hdr.msg_iov = &vectors_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
  }
  for (std::size_t i = 0; i < options.connections; ++i) {
    sockets_.push_back(std::make_unique<Socket>(*this, i));
  }
}

DatagramClient::~DatagramClient() = default;

std::uint64_t DatagramClient::quota_of(std::size_t socket) const {
  if (options_.messages == 0) return ~std::uint64_t{0};
  const std::uint64_t count = options_.connections;
  return options_.messages / count + (socket < options_.messages % count ? 1 : 0);
}

void DatagramClient::on_time(Time now) {
  if (!meter_.begun()) {
    meter_.begin(now);
    if (options_.open_loop()) schedule_.emplace(options_.rate, now);
    if (options_.messages > 0 && options_.messages < sockets_.size()) {
      done_ = sockets_.size() - options_.messages;
    }
    if (!schedule_) {
      for (auto& socket : sockets_) socket->release(options_.pipeline, time_now());
    }
  }
  while (schedule_ && schedule_->due(due_messages_) <= now) {
    sockets_[due_messages_++ % sockets_.size()]->release(1, now);
  }
  if (now >= next_look_for_losses_) {
    next_look_for_losses_ = now + look_for_losses_every;
    for (auto& socket : sockets_) socket->look_for_losses(now);
  }
}

Time DatagramClient::next_time() const {
  return std::min(next_look_for_losses_, schedule_ ? schedule_->due(due_messages_) : never);
}

void DatagramClient::on_quota_done(Time now) {
  if (++done_ == sockets_.size()) meter_.finish(now);
}

}  // namespace bench
