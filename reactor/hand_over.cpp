// Over a unix stream, the process that serves sends one message and, with its first byte, the
// socket of the path and then the offered ones:
//
//     uvreactor hand-over 1 LF   NAME LF   NAME LF   …   LF
//
// The successor responds "ready LF" when it serves. The other stops to accept, and sends "yours LF".
#include "reactor/hand_over.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "reactor/descriptor.hpp"
#include "reactor/engine.hpp"
#include "reactor/platform/sys.hpp"
#include "reactor/stream.hpp"
#include "reactor/timer.hpp"

namespace reactor::inline v0 {
namespace {

constexpr std::string_view greeting = "uvreactor hand-over 1\n";
constexpr std::string_view ready_line = "ready\n";
constexpr std::string_view yours_line = "yours\n";
constexpr std::size_t most_sockets = 252;
constexpr std::size_t most_name_bytes = 255;
constexpr std::size_t most_text_bytes = greeting.size() + most_sockets * (most_name_bytes + 1) + 1;
constexpr std::chrono::seconds time_until_ready{60};
constexpr std::chrono::seconds rest_after_error{1};

bool is_socket_name(std::string_view name) {
  return !name.empty() && name.size() <= most_name_bytes &&
         std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c != 0x7F; });
}

void append_text(std::string& text, Stream::Bytes bytes) {
  text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// The peer is a process of this user or of root.
Result<void> check_user(const Socket& socket) {
  const auto peer = socket.peer_credentials();
  if (!peer) return Failure(peer.error());
  if (peer->user == geteuid() || peer->user == 0) return {};
  Error error = system_error(EACCES, "hand over");
  error.hint = "the other process belongs to user " + std::to_string(peer->user);
  return Failure(std::move(error));
}

struct Passed {
  std::string name;
  Descriptor descriptor;
};

// Becomes the first process where no other listens at the address.
bool means_first(const Error& error) {
  return error.code == std::errc::connection_refused ||
         error.code == std::errc::no_such_file_or_directory;
}

// The predecessor, while this process waits for it. It has a loop of its own, so that waiting calls
// nothing else.
class Predecessor {
 public:
  explicit Predecessor(const Address& address, Duration timeout)
      : subject_(address.to_string()), timeout_(timeout) {}

  Result<void> connect(const Address& address) {
    auto stream = Stream::connect(loop_, address, timeout_);
    if (!stream) return Failure(std::move(stream.error()));
    stream_.emplace(std::move(*stream));
    stream_->receive_descriptors(most_sockets + 1);
    stream_->on_connect([this] {
      connected_ = true;
      if (auto good = check_user(stream_->socket()); !good) stream_->fail(good.error());
    });
    stream_->on_data([this](Stream::Bytes bytes) {
      append_text(text_, bytes);
      while (Descriptor descriptor = stream_->take_descriptor()) {
        descriptors_.push_back(std::move(descriptor));
      }
      if (text_.size() > most_text_bytes) stream_->abort();
    });
    stream_->on_close([this](const Error& error) {
      error_ = error ? error : system_error(ECONNABORTED, "hand over", subject_);
    });
    return wait([this] { return connected_; });
  }

  // Receives the sockets and their names.
  Result<std::vector<Passed>> receive() {
    if (auto done = wait([this] { return text_.ends_with("\n\n"); }); !done) {
      return Failure(done.error());
    }
    std::vector<Passed> passed;
    std::string_view text = text_;
    bool good = text.starts_with(greeting) && !descriptors_.empty();
    if (good) text.remove_prefix(greeting.size());
    if (good) passed.push_back({{}, std::move(descriptors_.front())});
    for (std::size_t i = 1; good && i < descriptors_.size(); ++i) {
      const std::string_view name = text.substr(0, text.find('\n'));
      good = is_socket_name(name);
      text.remove_prefix(std::min(name.size() + 1, text.size()));
      passed.push_back({std::string(name), std::move(descriptors_[i])});
    }
    if (!good || text != "\n") return Failure(system_error(EBADMSG, "hand over", subject_));
    text_.clear();
    return passed;
  }

  // Returns when the predecessor accepts no more.
  Result<void> replace() {
    stream_->write(ready_line);
    return wait([this] { return text_ == yours_line; });
  }

 private:
  template <class Done>
  Result<void> wait(Done done) {
    bool late = false;
    const Timer limit = Timer::after(loop_, timeout_, [&] { late = true; });
    while (!done() && !error_ && !late) loop_.run_once();
    if (done()) return {};
    return Failure(late ? system_error(ETIMEDOUT, "hand over", subject_) : error_);
  }

  const std::string subject_;
  const Duration timeout_;
  Loop loop_;
  bool connected_ = false;
  std::string text_;
  std::vector<Descriptor> descriptors_;
  Error error_;
  std::optional<Stream> stream_;
};

// A process that may become the successor.
struct Successor {
  Successor(Loop& loop, Socket socket, Callback<void()> on_late)
      : stream(loop, std::move(socket), Address()),
        limit(Timer::after(loop, time_until_ready, std::move(on_late))) {}

  Stream stream;
  Timer limit;
  std::string text;
};

Result<Descriptor> duplicate(int fd) {
  const int copy = sys::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return Failure(system_error(-copy, "offer socket"));
  return Descriptor::own(copy);
}

Result<void> check_offer(const HandOver::Offer& offer) {
  std::size_t count = 0;
  for (const OfferedSockets& sockets : offer) {
    count += sockets.descriptors.size();
    if (!is_socket_name(sockets.name)) {
      return Failure(system_error(EINVAL, "offer sockets", sockets.name));
    }
  }
  if (count > most_sockets) return Failure(system_error(EINVAL, "offer sockets"));
  return {};
}

}  // namespace

struct HandOver::State final : Source {
  State(Loop& loop, const Address& at)
      : Source(loop.engine(), Kind::listener), address(at), rest(loop, [this] { watch(); }) {}

  void unregister() noexcept override {
    unwatch();
    successor.reset();
  }

  [[nodiscard]] std::string describe() const override {
    return "hand-over at " + address.to_string();
  }

  // ---- As the first process, or a successor

  Result<void> listen() {
    auto made = Socket::open(Family::unix_socket, SocketType::stream);
    if (!made) return Failure(made.error());
    if (auto bound = made->bind(address); !bound) return bound;
    if (const int error = sys::listen(made->fd(), 16); error < 0) {
      return Failure(system_error(-error, "listen", address.to_string()));
    }
    socket = std::move(*made);
    return {};
  }

  Result<void> join(Duration timeout) {
    auto waiting = std::make_unique<Predecessor>(address, timeout);
    if (auto connected = waiting->connect(address); !connected) {
      return means_first(connected.error()) ? listen() : connected;
    }
    auto received = waiting->receive();
    if (!received) return Failure(received.error());
    for (Passed& each : *received) {
      auto adopted = Socket::adopt(each.descriptor.fd());
      if (!adopted) return Failure(adopted.error());
      (void)each.descriptor.release();
      if (!socket) {
        socket = std::move(*adopted);
      } else {
        passed.push_back({std::move(each.name), std::move(*adopted)});
      }
    }
    predecessor = std::move(waiting);
    return {};
  }

  Socket take(std::string_view name) {
    const auto next = std::find_if(passed.begin(), passed.end(),
                                   [&](const auto& each) { return each.first == name; });
    if (next == passed.end()) return {};
    Socket taken = std::move(next->second);
    passed.erase(next);
    return taken;
  }

  Result<void> begin() {
    if (auto good = check_offer(make_offer()); !good) return good;
    if (predecessor) {
      if (auto replaced = predecessor->replace(); !replaced) return replaced;
      predecessor.reset();
    }
    passed.clear();
    watch();
    return {};
  }

  // ---- As a predecessor

  void watch() {
    if (watched || !socket) return;
    watched = engine().watch(*this, socket.fd(), Interest::readable, Trigger::level) == 0;
    if (!watched) rest.restart(rest_after_error);
  }

  void unwatch() noexcept {
    if (watched) engine().unwatch(*this, socket.fd());
    watched = false;
  }

  void on_ready(unsigned) override {
    const int fd = sys::accept(socket.fd(), nullptr, nullptr);
    if (fd == -EAGAIN || fd == -EINTR || fd == -ECONNABORTED) return;
    unwatch();
    if (fd < 0) return rest.restart(rest_after_error);
    successor.emplace(engine().loop(), Socket::own(fd), [this] { drop(); });
    successor->stream.on_close([this](const Error&) { drop(); });
    successor->stream.on_data([this](Stream::Bytes bytes) { receive(bytes); });
    if (!check_user(successor->stream.socket())) return drop();
    (void)engine().call(*this, send_offer_);
  }

  // It is no successor; wait for another.
  void drop() {
    successor.reset();
    watch();
  }

  void send_offer() {
    const Offer offer = make_offer();
    std::string text(greeting);
    std::vector<Descriptor> descriptors;
    bool good = static_cast<bool>(check_offer(offer));
    const auto add = [&](int fd) {
      auto copy = duplicate(fd);
      if (copy) descriptors.push_back(std::move(*copy));
      good = good && copy;
    };
    if (good) add(socket.fd());
    for (const OfferedSockets& sockets : offer) {
      for (const int fd : sockets.descriptors) {
        if (good) add(fd);
        text += sockets.name + '\n';
      }
    }
    if (!successor) return;
    if (!good) return drop();
    successor->stream.write_descriptors(std::move(descriptors), text + '\n');
  }

  void receive(Stream::Bytes bytes) {
    append_text(successor->text, bytes);
    if (successor->text == ready_line) return leave();
    if (!ready_line.starts_with(successor->text)) drop();
  }

  // From here on the path belongs to the successor, whatever the callback throws or destroys.
  void leave() {
    const Use use(*this);
    socket = Socket();
    Stream stream = std::move(successor->stream);
    successor.reset();
    std::exception_ptr thrown;
    try {
      on_successor();
    } catch (...) {
      thrown = std::current_exception();
    }
    stream.write(yours_line);  // Sent when it is destroyed.
    if (thrown) std::rethrow_exception(thrown);
  }

  const Address address;
  Socket socket;  // Listens at the path.
  std::unique_ptr<Predecessor> predecessor;
  std::vector<std::pair<std::string, Socket>> passed;
  Callback<Offer()> make_offer;
  Callback<void()> on_successor;
  std::optional<Successor> successor;
  bool watched = false;
  Timer rest;

 private:
  Callback<void()> send_offer_ = [this] { send_offer(); };
};

Result<HandOver> HandOver::join(Loop& loop, std::string_view endpoint, Duration timeout) {
  const auto address = Address::parse(endpoint);
  if (!address) return Failure(address.error());
  if (address->family() != Family::unix_socket) {
    return Failure(system_error(EINVAL, "hand over", std::string(endpoint)));
  }
  const auto pair = socket_pair();
  if (!pair) return Failure(pair.error());
  if (auto known = check_user(pair->front()); !known) return Failure(known.error());
  HandOver joined(new State(loop, *address));
  if (auto done = joined.state_->join(timeout); !done) return Failure(done.error());
  return joined;
}

bool HandOver::has_predecessor() const { return state_->predecessor != nullptr; }

Socket HandOver::take(std::string_view name) { return state_->take(name); }

Result<void> HandOver::ready(Callback<Offer()> offer, Callback<void()> on_successor) {
  state_->replace(state_->make_offer, std::move(offer));
  state_->replace(state_->on_successor, std::move(on_successor));
  return state_->begin();
}

}  // namespace reactor
