#include "bench/load/hostile.hpp"

#include <algorithm>

namespace bench {

// A connection that acts only at fixed times and never waits: a call succeeds immediately or fails.
class Hostile::Peer {
 public:
  explicit Peer(Hostile& hostile) : hostile_(hostile) {}
  virtual ~Peer() { drop(); }

  virtual void open() {
    fd_ = socket(hostile_.target_.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd_ < 0) fail("socket");
    if (hostile_.target_.is_tcp()) set_no_delay(fd_);
    position_ = 0;
    if (connect(fd_, hostile_.target_.address(), hostile_.target_.size) < 0 &&
        errno != EINPROGRESS) {
      ++hostile_.counts_.refused;
      drop();
    }
  }
  virtual void act() = 0;
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }

 protected:
  // Continues to send the text, and returns how many bytes were sent.
  std::size_t send_some(std::size_t count) {
    const std::string_view text = hostile_.traffic_.text();
    count = std::min(count, text.size() - position_);
    const ssize_t sent = send(fd_, text.data() + position_, count, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno != EAGAIN && errno != EINTR) on_ended();
      return 0;
    }
    position_ = (position_ + static_cast<std::size_t>(sent)) % text.size();
    return static_cast<std::size_t>(sent);
  }

  std::size_t receive_some(std::size_t count) {
    char buffer[4096];
    const ssize_t received = recv(fd_, buffer, std::min(count, sizeof(buffer)), 0);
    if (received > 0) return static_cast<std::size_t>(received);
    if (received == 0 || (errno != EAGAIN && errno != EINTR)) on_ended();
    return 0;
  }

  void on_ended() {
    ++hostile_.counts_.closed_by_server;
    drop();
  }

  void drop() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  Hostile& hostile_;
  int fd_ = -1;

 private:
  std::size_t position_ = 0;
};

class Hostile::Idle : public Peer {
 public:
  using Peer::Peer;
  void open() override {
    Peer::open();
    if (is_open()) ++hostile_.counts_.held_open;
  }
  void act() override {
    receive_some(1);
    if (!is_open()) --hostile_.counts_.held_open;
  }
};

class Hostile::SlowReader : public Peer {
 public:
  using Peer::Peer;
  void open() override {
    Peer::open();
    const int small = 4096;
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
  }
  void act() override {
    // Ends after a megabyte if the server takes everything.
    for (std::size_t sent = 0; is_open() && sent < (1 << 20);) {
      const std::size_t more = send_some(64 << 10);
      if (more == 0) break;
      sent += more;
      hostile_.counts_.bytes_taken += more;
    }
    if (is_open()) hostile_.counts_.bytes_read += receive_some(1);
  }
};

class Hostile::OneByte : public Peer {
 public:
  using Peer::Peer;
  void act() override {
    hostile_.counts_.single_bytes += send_some(1);
    if (is_open()) receive_some(4096);
  }
};

class Hostile::Resetting : public Peer {
 public:
  using Peer::Peer;
  void act() override {
    const std::size_t half = (hostile_.traffic_.request_bytes() + 1) / 2;
    if (send_some(half) == 0) return is_open() ? void() : reopen();
    const linger at_once{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    ++hostile_.counts_.resets;
    reopen();
  }

 private:
  void reopen() {
    drop();
    open();
  }
};

Hostile::Hostile(const Options& options, const Traffic& traffic)
    : options_(options),
      traffic_(traffic),
      target_(parse_endpoint(options.target)),
      started_(time_now()) {
  add<Idle>(options.idle);
  add<SlowReader>(options.slow_readers);
  add<OneByte>(options.one_byte);
  add<Resetting>(options.resets);
  if (any()) next_act_ = started_;
}

Hostile::~Hostile() = default;

template <class Kind>
void Hostile::add(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) peers_.push_back(std::make_unique<Kind>(*this));
}

void Hostile::on_time(Time now) {
  if (now < next_act_) return;
  if (!all_connected()) {
    while (!all_connected() && started_ + opening_interval * opened_ <= now) {
      peers_[opened_++]->open();
    }
    next_act_ = started_ + opening_interval * opened_;
    return;
  }
  // The idle peers are the first.
  for (std::size_t i = options_.idle; i < peers_.size(); ++i) {
    if (peers_[i]->is_open()) peers_[i]->act();
  }
  next_act_ = options_.idle < peers_.size() ? now + nanoseconds(options_.hostile_interval) : never;
}

void Hostile::look_at_idle() {
  for (std::size_t i = 0; i < std::min(options_.idle, opened_); ++i) {
    if (peers_[i]->is_open()) peers_[i]->act();
  }
}

}  // namespace bench
