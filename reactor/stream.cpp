#include "reactor/stream.hpp"

#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reactor/engine.hpp"
#include "reactor/platform/sys.hpp"
#include "reactor/send_queue.hpp"
#include "reactor/timer.hpp"

namespace reactor {
namespace {

// A write as large as this costs more to copy than to send by itself.
constexpr std::size_t large_write_bytes = 4096;

bool is_refused_for_now(const Result<bool>& connected) {
  return !connected && connected.error().code == std::errc::resource_unavailable_try_again;
}

constexpr StreamLimits default_limits;

constexpr std::size_t first_read_bytes = 64 * 1024;
constexpr std::size_t least_read_bytes = 16 * 1024;

// A peer's address in what an IPv6 one takes, a fraction of an Address.
struct CompactAddress {
  sockaddr_in6 bytes{};

  explicit CompactAddress(const Address& address) {
    if (address.size() <= sizeof bytes) std::memcpy(&bytes, address.data(), address.size());
  }
  [[nodiscard]] bool operator==(const CompactAddress& other) const {
    return std::memcmp(&bytes, &other.bytes, sizeof bytes) == 0;
  }
  [[nodiscard]] std::string to_string() const {
    const auto* address = reinterpret_cast<const sockaddr*>(&bytes);
    if (address->sa_family == AF_INET)
      return Address::from(address, sizeof(sockaddr_in)).to_string();
    if (address->sa_family == AF_INET6) return Address::from(address, sizeof bytes).to_string();
    return "unix socket";
  }
};

// A turn sends no less, however many files are being sent.
constexpr std::uint64_t least_file_bytes = 64 * 1024;

// What the kernel has yet to send to the peer, or the peer to acknowledge. Of a unix socket, what
// the peer has yet to read.
int unsent_bytes(const Socket& socket) {
  int unsent = 0;
  return sys::ioctl(socket.fd(), TIOCOUTQ, &unsent) == 0 ? unsent : 0;
}

ssize_t send_two(int fd, Stream::Bytes first, Stream::Bytes second, int flags) {
  if (first.empty()) return sys::send(fd, second.data(), second.size(), flags);
  if (second.empty()) return sys::send(fd, first.data(), first.size(), flags);
  std::array<iovec, 2> parts{{{const_cast<std::byte*>(first.data()), first.size()},
                              {const_cast<std::byte*>(second.data()), second.size()}}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return sys::sendmsg(fd, &message, flags);
}

}  // namespace

// What senders have written and the stream has not yet taken over.
class Stream::Outbox {
 public:
  Outbox(Engine& engine, Token token, const StreamLimits& limits)
      : engine_(engine), token_(token), limits_(limits) {}

  // ---- Called by any thread

  Written write(const std::shared_ptr<Outbox>& self, Bytes bytes) {
    const std::lock_guard lock(mutex_);
    if (closed_) return Written::closed;
    const std::size_t before = waiting();
    if (before > limits_.max_queued_bytes || bytes.size() > limits_.max_queued_bytes - before) {
      return Written::refused;
    }
    const bool first = posted_.empty();
    posted_.insert(posted_.end(), bytes.begin(), bytes.end());
    if (first && !bytes.empty()) engine_.post([self] { self->hand_over(); });
    return waiting() > limits_.high_water_bytes ? Written::full : Written::queued;
  }

  void once_drained(Callback<void()> callback) {
    const std::lock_guard lock(mutex_);
    waiters_.push_back(std::move(callback));
    call_if_drained();
  }

  // ---- Called by the loop's thread

  [[nodiscard]] std::vector<std::byte> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(posted_, {});
  }

  void set_queued(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    queued_ = bytes;
    call_if_drained();
  }

  void set_limits(const StreamLimits& limits) {
    const std::lock_guard lock(mutex_);
    limits_ = limits;
    call_if_drained();
  }

  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    posted_ = {};
    queued_ = 0;
    call_if_drained();
  }

 private:
  void hand_over();

  [[nodiscard]] std::size_t waiting() const { return posted_.size() + queued_; }

  void call_if_drained() {
    if (waiting() > limits_.high_water_bytes / 2) return;
    for (Callback<void()>& waiter : std::exchange(waiters_, {})) {
      engine_.post([waiter = std::move(waiter)]() mutable { waiter(); });
    }
  }

  Engine& engine_;
  const Token token_;
  std::mutex mutex_;
  StreamLimits limits_;
  std::vector<std::byte> posted_;
  std::size_t queued_ = 0;  // By the stream itself.
  bool closed_ = false;
  std::vector<Callback<void()>> waiters_;
};

struct SharedLimits::State {
  StreamLimits each;
  std::size_t most;
  std::size_t queued = 0;  // By all streams together.
};

SharedLimits::SharedLimits(const StreamLimits& each, std::size_t max_total_queued_bytes)
    : state_(std::make_shared<State>(State{each, max_total_queued_bytes})) {}

std::size_t SharedLimits::queued_bytes() const { return state_->queued; }

struct Stream::State final : Source {
  using Nanoseconds = Engine::Nanoseconds;

  // A unix socket whose backlog is full refuses for the moment, and nothing reports when that ends.
  struct Retry {
    Address peer;
    Timer timer;
    std::chrono::milliseconds pause{1};
  };

  // What most connections have no need of, most of the time.
  struct Seldom {
    Callback<void()> on_connect;
    Callback<void()> on_end;
    Callback<void()> on_drained;
    SendQueue queue;             // What the kernel has not yet taken.
    std::optional<Timer> timer;  // While connecting, while output waits, and while closing.
    const char* timed = "";      // The operation that the timer limits.
    Nanoseconds patience = 0;    // How long it may make no progress.
    Nanoseconds timed_since = 0;
    Nanoseconds discarding_since = 0;
    int unsent = 0;  // What the kernel had to send, or the peer to acknowledge, at the last look.
    std::shared_ptr<Outbox> outbox;
    std::unique_ptr<Retry> retry;        // While the backlog of the peer is full.
    Error error;                         // Why the connection is over, until on_close tells.
    AcceptObserver* observer = nullptr;  // Until it is accepted.
  };

  // What is so. Eleven of these end reading or writing, so a test of many is a test of one word.
  enum Flag : unsigned {
    connecting = 1 << 0,
    readable = 1 << 1,     // The kernel may have more to read; an edge will not tell again.
    end_is_near = 1 << 2,  // So look for it behind the last byte.
    ended = 1 << 3,        // The peer's end was read.
    deaf = 1 << 4,         // There is no on_data.
    paused = 1 << 5,       // By the user.
    throttled = 1 << 6,    // By what is queued, where the limits say so.
    queueing = 1 << 7,     // Something is queued.
    shutting = 1 << 8,     // Nothing may be written any more.
    shut = 1 << 9,         // Our end was sent.
    closing = 1 << 10,
    broken = 1 << 11,  // With an error, which on_close has yet to tell.
    closed = 1 << 12,
    undelivered = 1 << 13,  // A layer above has more for the user.
    on_data_replaced = 1 << 14,
    watched = 1 << 15,
    file_goes_on = 1 << 16,  // In the next turn: the kernel would have taken more.
    above_high_water = 1 << 17,
    lost_output = 1 << 18,  // Bytes that were accepted will not be sent.
    unlimited = 1 << 19,    // What is written now was accepted before.
    unreachable = 1 << 20,  // For now: the backlog of the peer's unix socket is full.
    accepted = 1 << 21,     // By the user of a server.
    level_triggered = 1 << 22,
  };
  static constexpr unsigned not_reading =
      connecting | ended | deaf | paused | throttled | closing | broken | closed;
  static constexpr unsigned not_writing = shutting | closing | broken | closed;

  State(Engine& engine, Socket connection, const Address& from)
      : Source(engine, Kind::stream), socket(std::move(connection)), peer(from) {
    keep_loop_running(true);
    moved_at_ = -engine.now();
  }

  // ---- What the engine calls

  void on_ready(unsigned happened) override {
    if (happened == Happened::readable && !is(not_reading | undelivered)) [[likely]] {
      return read();
    }
    on_anything_ready(happened);
  }

  [[gnu::noinline]] void on_anything_ready(unsigned happened) {
    if (happened & (Happened::peer_closed | Happened::hung_up | Happened::failed)) set(end_is_near);
    if (happened & ~Happened::writable) set(readable);
    if (is(connecting) && !is(broken)) return finish_connecting();
    if ((happened & Happened::writable) && is(queueing) && !send_queue()) return;
    if ((happened & Happened::failed) && is(not_reading) && !is(closing)) collect_error();
    go_on();
  }

  void on_turn() override { go_on(); }

  void on_gathered(ssize_t size, Bytes bytes) override { sent(size, bytes, {}); }

  void unregister() noexcept override {
    send_gathered();
    close_socket();
    if (seldom && seldom->outbox) seldom->outbox->close();
  }

  [[nodiscard]] std::string describe() const override { return "stream of " + peer.to_string(); }

  // ---- Reading

  [[nodiscard]] bool is(unsigned any) const { return (flags & any) != 0; }
  void set(unsigned all) { flags |= all; }
  void clear(unsigned all) { flags &= ~all; }

  [[nodiscard]] bool reads() const { return !is(not_reading); }

  // Whatever can be done without waiting, in the order in which it must be done.
  void go_on() {
    if (is(closed)) return;
    if (engine().interrupted()) return engine().schedule(*this);
    if (is(broken)) return finish_broken();
    if (is(file_goes_on) && !send_queue()) return;
    if (is(closing)) return go_on_closing();
    shut_down_if_sent();
    if (is(ended) && is(shut)) return finish({});
    if (is(undelivered) && reads() && !deliver({})) return;
    if (is(readable) && reads()) return read();
    settle();
  }

  // False when the stream is gone.
  [[nodiscard]] bool deliver(Bytes bytes) {
    clear(undelivered | on_data_replaced);
    return engine().call(*this, on_data_callback, bytes);
  }

  void read() {
    std::byte* const buffer = engine().read_buffer();
    const ssize_t size = sys::recv(socket.fd(), buffer, read_bytes, 0);
    if (size <= 0) [[unlikely]]
      return read_nothing(static_cast<int>(-size));
    moved_at_ = engine().turn_time();
    const auto received = static_cast<std::size_t>(size);
    if (received == read_bytes ||
        is(end_is_near | readable | undelivered | on_data_replaced | level_triggered)) {
      return deliver_and_read_on(received);
    }
    (void)engine().call(*this, on_data_callback, Bytes(buffer, received));
  }

  // A stream begins with little, and goes on with more as long as its reads are filled and few
  // others have much to read: what one iteration reads does not grow with the number of peers that
  // flood. A read of more than first_bytes() is never the last before the loop waits.
  [[nodiscard]] std::uint32_t first_bytes() const { return most_bytes(first_read_bytes); }
  [[nodiscard]] std::uint32_t share_bytes() const {
    return most_bytes(std::max(engine().share_bytes(), least_read_bytes));
  }
  [[nodiscard]] std::uint32_t most_bytes(std::size_t size) const {
    const std::size_t most = std::min(limits().read_bytes, Engine::read_buffer_bytes);
    return static_cast<std::uint32_t>(
        std::clamp<std::size_t>(size, 1, std::max<std::size_t>(most, 1)));
  }

  [[gnu::noinline]] void deliver_and_read_on(std::size_t received) {
    // A buffer that was not filled has emptied the socket, unless its end is behind that.
    const bool filled = received == read_bytes;
    filled || is(end_is_near) ? set(readable) : clear(readable);
    read_bytes = filled ? share_bytes() : first_bytes();
    if (!deliver({engine().read_buffer(), received})) return;
    if (!is(readable) || !reads()) return settle_level();
    if (filled || engine().interrupted()) return engine().schedule(*this);
    read();
  }

  [[gnu::noinline]] void read_nothing(int error) {
    if (error == EINTR) return read();
    clear(readable);
    if (error == EAGAIN) return settle_level();
    if (error == 0) return end();
    fail(system_error(error, "receive from", peer.to_string()));
    finish_broken();
  }

  void end() {
    set(ended);
    if (seldom && seldom->on_end) {
      if (!engine().call(*this, seldom->on_end)) return;
    } else {
      begin_closing(limits().close_timeout);
    }
    go_on();
  }

  // ---- Writing

  [[nodiscard]] std::size_t queued() const { return seldom ? seldom->queue.bytes() : 0; }

  Written write(Bytes bytes) {
    if (bytes.size() < large_write_bytes && !is(not_writing | connecting | queueing) &&
        engine().gather_first(*this, socket.fd(), bytes)) {
      return Written::sent;
    }
    return write_otherwise(bytes);
  }

  [[gnu::noinline]] Written write_otherwise(Bytes bytes) {
    if (is(not_writing)) return Written::closed;
    if (bytes.empty()) return Written::sent;
    if (is(connecting | queueing)) return enqueue(bytes);
    if (bytes.size() < large_write_bytes && engine().gather(*this, socket.fd(), bytes)) {
      return Written::sent;
    }
    return send(engine().take_gathered(*this), bytes);
  }

  void send_gathered() {
    const Bytes gathered = engine().take_gathered(*this);
    if (!gathered.empty()) send(gathered, {});
  }

  Written send(Bytes first, Bytes second, int send_flags = 0) {
    if (is(broken | closed)) return Written::closed;
    const std::size_t total = first.size() + second.size();
    if (total == 0) return Written::sent;
    const ssize_t size = send_two(socket.fd(), first, second, send_flags);
    return size == static_cast<ssize_t>(total) ? Written::sent : sent(size, first, second);
  }

  // Sees to what a system call did not send.
  [[gnu::noinline]] Written sent(ssize_t size, Bytes first, Bytes second) {
    if (size == -EINTR) return send(first, second);
    if (size < 0 && size != -EAGAIN) {
      fail(system_error(static_cast<int>(-size), "send to", peer.to_string()));
      return Written::closed;
    }
    const std::size_t done = size < 0 ? 0 : static_cast<std::size_t>(size);
    if (done >= first.size()) return enqueue(second.subspan(done - first.size()));
    const Written became = enqueue(first.subspan(done));
    return second.empty() || became == Written::closed ? became : enqueue(second);
  }

  Written enqueue(Bytes bytes) {
    if (const Error error = why_full(bytes.size())) {
      set(lost_output);
      fail(error);
      return Written::closed;
    }
    rarely().queue.push(bytes);
    if (shared) shared->queued += bytes.size();
    return wait_for_kernel();
  }

  // Why `size` more bytes may not be queued.
  [[nodiscard]] Error why_full(std::size_t size) const {
    if (is(unlimited)) return {};
    const auto exceeds = [size](std::size_t queued, std::size_t most) {
      return queued > most || size > most - queued;
    };
    const std::size_t most = limits().max_queued_bytes;
    if (exceeds(queued(), most)) {
      return full("the peer does not read, and more than " + std::to_string(most) +
                  " bytes wait for it");
    }
    if (shared && exceeds(shared->queued, shared->most)) {
      return full("this peer and others do not read, and more than " +
                  std::to_string(shared->most) + " bytes wait for all of them");
    }
    return {};
  }

  [[nodiscard]] Error full(std::string hint) const {
    Error error = system_error(ENOBUFS, "send to", peer.to_string());
    error.hint = std::move(hint);
    return error;
  }

  Written write_file(File file, std::uint64_t offset, std::uint64_t size) {
    if (is(not_writing)) return Written::closed;
    if (size == 0) return Written::sent;
    const Bytes gathered = engine().take_gathered(*this);
    if (!gathered.empty()) send(gathered, {}, MSG_MORE);
    if (is(broken)) return Written::closed;
    rarely().queue.push(std::move(file), offset, size);
    if (!is(connecting | queueing)) send_waiting();
    if (is(broken)) return Written::closed;
    return seldom->queue.empty() ? Written::sent : wait_for_kernel();
  }

  Written wait_for_kernel() {
    set(queueing);
    if (seldom->queue.total() > limits().high_water_bytes) {
      set(limits().pause_reading_above_high_water ? above_high_water | throttled
                                                  : above_high_water);
    }
    if (!is(connecting | closing)) limit_stall();
    settle();
    return is(above_high_water) ? Written::full : Written::queued;
  }

  // Sends what waits, as far as the kernel takes it. False when the stream is gone.
  [[nodiscard]] bool send_queue() {
    send_waiting();
    if (is(broken)) return true;
    const SendQueue& queue = seldom->queue;
    if (queue.empty()) clear(queueing);
    if (queue.total() > limits().high_water_bytes / 2) return true;
    if (seldom->outbox) seldom->outbox->set_queued(queue.bytes());
    if (!is(above_high_water)) return true;
    clear(above_high_water | throttled);
    if (!seldom->on_drained || is(closing)) return true;
    return engine().call(*this, seldom->on_drained);
  }

  void send_waiting() {
    clear(file_goes_on);
    std::uint64_t file_bytes = std::clamp<std::uint64_t>(engine().share_bytes(), least_file_bytes,
                                                         Engine::most_shared_bytes);
    SendQueue& queue = seldom->queue;
    while (!queue.empty()) {
      const Bytes bytes = queue.front_bytes();
      if (bytes.empty() && file_bytes == 0) {
        set(file_goes_on);
        return engine().schedule(*this);
      }
      const ssize_t size = bytes.empty() ? send_file(queue.front_file(), file_bytes)
                                         : sys::send(socket.fd(), bytes.data(), bytes.size(),
                                                     queue.has_files() ? MSG_MORE : 0);
      if (size == -EINTR) continue;
      if (size == -EAGAIN) return;
      if (size < 0) return fail_to_send(static_cast<int>(-size), bytes.empty());
      if (size == 0) return fail_short_file(queue.front_file());
      const auto sent = static_cast<std::size_t>(size);
      moved_at_ = engine().turn_time();
      queue.pop(sent);
      if (bytes.empty()) {
        file_bytes -= sent;
        continue;  // Fewer than asked for: the file may end there. The next call tells.
      }
      if (shared) shared->queued -= sent;
      // Fewer than asked for: the kernel is full, and will say when it no longer is.
      if (sent < bytes.size()) return;
    }
  }

  [[nodiscard]] ssize_t send_file(const SendQueue::FilePart& part, std::uint64_t most) {
    auto offset = static_cast<off_t>(part.offset);
    const auto size = static_cast<std::size_t>(std::min(part.size, most));
    const ssize_t sent = sys::sendfile(socket.fd(), part.file.fd(), &offset, size);
    return sent == -EINVAL ? copy_file(part, size) : sent;
  }

  // For files of which the kernel has no pages to send, as those of /proc and most devices.
  [[nodiscard]] ssize_t copy_file(const SendQueue::FilePart& part, std::size_t most) {
    std::array<std::byte, 16 * 1024> buffer;
    const ssize_t size = sys::pread(part.file.fd(), buffer.data(), std::min(most, buffer.size()),
                                    static_cast<off_t>(part.offset));
    return size <= 0 ? size : sys::send(socket.fd(), buffer.data(), std::size_t(size), 0);
  }

  void fail_to_send(int error, bool from_file) {
    // These the socket reports; all others come from the file.
    static constexpr std::array of_socket{EPIPE,        ECONNRESET,  ETIMEDOUT,    ENOBUFS,
                                          EHOSTUNREACH, ENETUNREACH, ENETDOWN,     EHOSTDOWN,
                                          ENOTCONN,     ENOMEM,      ECONNABORTED, EPERM};
    if (!from_file || std::find(of_socket.begin(), of_socket.end(), error) != of_socket.end()) {
      return fail(system_error(error, "send to", peer.to_string()));
    }
    Error failed = system_error(error, "read", seldom->queue.front_file().file.name());
    failed.hint = "it was to be sent to " + peer.to_string();
    fail(std::move(failed));
  }

  void fail_short_file(const SendQueue::FilePart& part) {
    Error error = system_error(EIO, "send " + part.file.name() + " to", peer.to_string());
    error.hint = "it ends at byte " + std::to_string(part.offset) + ", and " +
                 std::to_string(part.size) + " more were to be sent";
    fail(std::move(error));
  }

  // ---- What other threads write

  [[nodiscard]] std::shared_ptr<Outbox> outbox() {
    std::shared_ptr<Outbox>& of_senders = rarely().outbox;
    if (!of_senders) {
      of_senders = std::make_shared<Outbox>(engine(), token(), limits());
      if (is(not_writing)) of_senders->close();
    }
    return of_senders;
  }

  // Takes over what senders have written. They were told that it is queued, so no limit refuses it.
  void write_posted() {
    if (!seldom || !seldom->outbox) return;
    const std::vector<std::byte> posted = seldom->outbox->take();
    if (!posted.empty() && !is(not_writing)) {
      set(unlimited);
      is(connecting | queueing) ? enqueue(posted) : send(engine().take_gathered(*this), posted);
      clear(unlimited);
    }
    seldom->outbox->set_queued(queued());
  }

  // Nothing may be written from now on.
  void close_outbox() {
    if (!seldom || !seldom->outbox) return;
    write_posted();
    seldom->outbox->close();
  }

  // ---- Connecting

  void connect(Duration timeout) {
    set(connecting);
    limit_time(timeout, "connect");
    settle();
  }

  void connect_later(const Address& to, Duration timeout) {
    set(connecting | unreachable);
    limit_time(timeout, "connect");
    rarely().retry.reset(new Retry{to, Timer(engine().loop(), [this] { connect_again(); })});
    seldom->retry->timer.restart(seldom->retry->pause);
  }

  void connect_again() {
    if (is(broken | closed)) return;
    constexpr std::chrono::milliseconds longest_pause(50);
    Retry& retry = *seldom->retry;
    const auto done = socket.connect(retry.peer);
    if (is_refused_for_now(done)) {
      retry.pause = std::min(retry.pause * 2, longest_pause);
      return retry.timer.restart(retry.pause);
    }
    clear(unreachable);
    const std::unique_ptr<Retry> over = std::move(seldom->retry);
    if (!done) return fail(done.error());
    settle();
  }

  // Where nobody listens on a port of this host that the kernel may also choose for a client, TCP
  // can connect a socket to itself.
  [[nodiscard]] bool is_connected_to_itself() {
    const auto local = socket.local_address();
    return local && local->family() != Family::unix_socket && CompactAddress(*local) == peer;
  }

  void finish_connecting() {
    Error error = socket.take_error();
    if (!error && is_connected_to_itself()) {
      set(lost_output);  // Reset, its port is free at once.
      error = system_error(ECONNREFUSED, "connect");
    }
    if (error) {
      error.operation = "connect";
      error.subject = peer.to_string();
      fail(std::move(error));
      return finish_broken();
    }
    clear(connecting);
    seldom->timer.reset();
    moved_at_ = engine().turn_time();
    if (is(queueing)) limit_stall();
    if (seldom->on_connect && !engine().call(*this, seldom->on_connect)) return;
    if (is(queueing) && !send_queue()) return;
    go_on();
  }

  // ---- Ending

  void shutdown() {
    if (is(not_writing)) return;
    send_gathered();
    close_outbox();
    set(shutting);
    shut_down_if_sent();
    if (is(ended)) engine().schedule(*this);  // Both sides are: go_on() finishes.
  }

  void shut_down_if_sent() {
    if (!is(shutting) || is(shut | connecting | queueing | broken)) return;
    set(shut);
    sys::shutdown(socket.fd(), SHUT_WR);
  }

  void close(Duration timeout, Error reason = {}) {
    if (is(closing | broken | closed)) return;
    if (is(connecting)) return fail(system_error(ECANCELED, "connect", peer.to_string()));
    if (reason) rarely().error = std::move(reason);
    begin_closing(timeout);
    engine().schedule(*this);
  }

  void begin_closing(Duration timeout) {
    send_gathered();
    close_outbox();
    set(closing | shutting);
    clear(throttled);
    if (!is(ended) || is(queueing)) limit_time(timeout, "close connection to");
  }

  // Reads while there is something to send too: a peer that sends all it has before it reads would
  // never come to that otherwise.
  void go_on_closing() {
    if (!is(ended)) shut_down_if_sent();
    constexpr std::size_t most = Engine::read_buffer_bytes;
    while (is(readable) && !is(ended)) {
      const ssize_t size = sys::recv(socket.fd(), engine().read_buffer(), most, 0);
      if (size == -EINTR) continue;
      if (size == static_cast<ssize_t>(most)) {
        moved_at_ = engine().turn_time();
        return engine().schedule(*this);
      }
      if (size < 0 && size != -EAGAIN) {
        return finish(
            system_error(static_cast<int>(-size), "close connection to", peer.to_string()));
      }
      if (size == 0) set(ended);
      if (size > 0) moved_at_ = engine().turn_time();
      if (size < 0 || !is(end_is_near)) clear(readable);
    }
    if (is(ended) && !is(queueing)) return finish({});
    settle();
  }

  void abort() {
    if (is(closed)) return;
    (void)engine().take_gathered(*this);
    set(lost_output);
    fail(system_error(ECANCELED, "connection to", peer.to_string()));
    close_socket();
  }

  // The connection is over, for `error`, once whatever runs now has returned.
  void fail(Error error) {
    if (is(broken | closed)) return;
    set(broken);
    if (!rarely().error) seldom->error = std::move(error);
    engine().schedule(*this);
  }

  // What the peer sent before the connection broke is still its due.
  void finish_broken() {
    const bool broken_by_peer = seldom->error.code == std::errc::connection_reset ||
                                seldom->error.code == std::errc::broken_pipe;
    while (broken_by_peer && is(readable) && !is(deaf | paused | ended | closing)) {
      std::byte* const buffer = engine().read_buffer();
      const ssize_t size = sys::recv(socket.fd(), buffer, read_bytes, 0);
      if (size == -EINTR) continue;
      if (size <= 0) break;
      const auto received = static_cast<std::size_t>(size);
      if (!deliver({buffer, received})) return;
      if (received == read_bytes || engine().interrupted()) return engine().schedule(*this);
    }
    finish({});
  }

  // From the engine only: calls on_close, the last of all calls.
  void finish(Error error) {
    set(closed);
    close_socket();
    if (seldom) {
      seldom->timer.reset();
      if (seldom->outbox) seldom->outbox->close();
      if (seldom->error) error = std::move(seldom->error);
    }
    keep_loop_running(false);
    if (on_close_callback) (void)engine().call(*this, on_close_callback, std::as_const(error));
  }

  void close_socket() {
    if (!socket) return;
    if (registered != Interest::none) engine().unwatch_closed(*this, socket.fd());
    registered = Interest::none;
    if (seldom) seldom->retry.reset();
    // A child that was forked has no part in what its parent will send.
    if (!engine().forked() && (is(lost_output) || (seldom && !seldom->queue.empty()))) {
      reset_on_close();
    }
    socket = Socket();
  }

  // Closing the socket resets the connection: an orderly end would tell the peer that it has got
  // all there is.
  void reset_on_close() {
    const linger at_once{1, 0};
    sys::setsockopt(socket.fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    if (!seldom) return;
    if (shared) shared->queued -= queued();
    seldom->queue = {};
  }

  // ---- Time without progress

  // Output waits for the peer: it has so long to take some of it.
  void limit_stall() {
    if (!seldom->timer || !seldom->timer->running()) {
      limit_time(limits().stall_timeout, "send to");
    }
  }

  // Ends the connection once `operation` has made no progress for `patience`.
  void limit_time(Duration patience, const char* operation) {
    rarely().timed = operation;
    seldom->patience = std::max<Nanoseconds>(patience.count(), 0);
    seldom->timer.reset();
    if (patience == Duration::max()) return;
    seldom->timer = Timer::after(engine().loop(), patience, [this] { on_time(); });
    seldom->timed_since = engine().now();
    seldom->discarding_since = 0;
    seldom->unsent = unsent_bytes(socket);
  }

  void on_time() {
    // Where all is sent, the timer was left to run out: that is cheaper than to stop it.
    if (!is(connecting | queueing | closing)) return;
    const Nanoseconds quiet = quiet_time();
    const Nanoseconds left = seldom->patience - quiet;
    if (is(connecting) || left <= 0 || discards_too_long()) {
      return fail(system_error(ETIMEDOUT, seldom->timed, peer.to_string()));
    }
    seldom->timer->restart(std::chrono::nanoseconds(left));
  }

  // How long nothing has moved, since the timer was started at the earliest.
  [[nodiscard]] Nanoseconds quiet_time() {
    look_at_unsent();
    return engine().now() - std::max(std::abs(moved_at_), seldom->timed_since);
  }

  // The peer has acknowledged, or a unix peer has read, what the kernel had to send.
  void look_at_unsent() {
    const int unsent = unsent_bytes(socket);
    if (unsent == std::exchange(rarely().unsent, unsent)) return;
    moved_at_ = engine().now();
  }

  // A peer to which all is sent may not hold the connection open by sending for ever.
  [[nodiscard]] bool discards_too_long() {
    if (!is(closing) || is(queueing) || seldom->unsent > 0) return false;
    if (seldom->discarding_since == 0) seldom->discarding_since = engine().now();
    const Nanoseconds discarding = engine().now() - seldom->discarding_since;
    return discarding >= limits().discard_timeout.count();
  }

  void touch() { moved_at_ = engine().turn_time(); }

  [[nodiscard]] bool has_progressed() const { return moved_at_ >= 0; }

  [[nodiscard]] Nanoseconds quiet_for() {
    if (is(deaf | paused | throttled)) return 0;
    look_at_unsent();
    return engine().known_time_since(std::abs(moved_at_));
  }

  // ---- Registration

  // Tells the poller what this stream waits for. Edge-triggered, that is all input for its whole
  // life, and output from the first time that the kernel was full.
  void settle() {
    if (!socket || is(closed | unreachable)) return;
    const bool waits_to_write = is(connecting | queueing);
    Interest wanted = waits_to_write ? Interest::writable : Interest::none;
    if (!is(level_triggered)) {
      wanted = wanted | Interest::readable | Interest::peer_closed | registered;
    } else if (reads() || (is(closing) && !is(ended))) {
      wanted = wanted | Interest::readable;
    } else if (!is(end_is_near)) {
      wanted = wanted | Interest::peer_closed;  // Level-triggered, it would be told for ever.
    } else if (!is(shut)) {
      wanted = wanted | Interest::priority;  // Never comes; a reset does.
    }
    if (wanted == registered) return;
    const Trigger trigger = is(level_triggered) ? Trigger::level : Trigger::edge;
    const int error = is(watched) ? engine().rewatch(*this, socket.fd(), wanted, trigger)
                                  : engine().watch(*this, socket.fd(), wanted, trigger);
    set(watched);
    registered = wanted;
    if (error != 0) fail(system_error(-error, "watch connection to", peer.to_string()));
  }

  // Level-triggered, what a stream waits for follows what it may do.
  void settle_level() {
    if (is(level_triggered)) settle();
  }

  // An error that no read will collect.
  void collect_error() {
    Error error = socket.take_error();
    if (!error) return;
    error.operation = "connection to";
    error.subject = peer.to_string();
    fail(std::move(error));
  }

  [[nodiscard]] const StreamLimits& limits() const {
    return shared ? shared->each : default_limits;
  }

  void set_limits(std::shared_ptr<SharedLimits::State> limits) {
    if (shared) shared->queued -= queued();
    shared = std::move(limits);
    if (shared) shared->queued += queued();
    read_bytes = first_bytes();
    if (seldom && seldom->outbox) seldom->outbox->set_limits(this->limits());
    if (is(queueing) && !is(connecting | closing)) {
      limit_time(this->limits().stall_timeout, "send to");
    }
  }

  Seldom& rarely() {
    if (!seldom) seldom = std::make_unique<Seldom>();
    return *seldom;
  }

  Socket socket;
  Interest registered = Interest::none;
  unsigned flags = deaf | (engine().has_edge_trigger() ? 0U : level_triggered);
  std::uint32_t read_bytes = first_read_bytes;
  std::shared_ptr<SharedLimits::State> shared;  // None where the defaults will do.
  CompactAddress peer;
  Callback<void(Bytes)> on_data_callback;
  Callback<void(const Error&)> on_close_callback;
  std::unique_ptr<Seldom> seldom;
};

void Stream::Outbox::hand_over() {
  if (auto* stream = static_cast<State*>(engine_.find(token_))) stream->write_posted();
}

void Stream::Retire::operator()(State* state) const noexcept { retire(state); }

Stream::Stream(Loop& loop, Socket socket) : Stream(loop, std::move(socket), Address()) {
  if (const auto peer = state_->socket.peer_address()) state_->peer = CompactAddress(*peer);
}

Stream::Stream(Loop& loop, Socket socket, const Address& peer)
    : state_(new State(loop.engine(), std::move(socket), peer)) {
  state_->settle();
}

Result<Stream> Stream::connect(Loop& loop, const Address& peer, Duration timeout) {
  auto socket = Socket::open(peer.family(), SocketType::stream);
  if (!socket) return Failure(socket.error());
  if (peer.family() != Family::unix_socket) {
    if (auto set = socket->set(option::no_delay, true); !set) return Failure(set.error());
  }
  const auto done = socket->connect(peer);
  const bool later = peer.family() == Family::unix_socket && is_refused_for_now(done);
  if (!done && !later) return Failure(done.error());
  Stream stream(new State(loop.engine(), std::move(*socket), peer));
  later ? stream.state_->connect_later(peer, timeout) : stream.state_->connect(timeout);
  return stream;
}

void Stream::on_data(Callback<void(Bytes)> on_data) {
  state_->set(State::on_data_replaced);
  on_data ? state_->clear(State::deaf) : state_->set(State::deaf);
  state_->replace(state_->on_data_callback, std::move(on_data));
  if (state_->is(State::readable)) state_->engine().schedule(*state_);
  state_->settle_level();
}

void Stream::on_end(Callback<void()> on_end) {
  state_->replace(state_->rarely().on_end, std::move(on_end));
}

void Stream::on_drained(Callback<void()> on_drained) {
  state_->replace(state_->rarely().on_drained, std::move(on_drained));
}

void Stream::on_close(Callback<void(const Error&)> on_close) {
  state_->replace(state_->on_close_callback, std::move(on_close));
}

void Stream::on_connect(Callback<void()> on_connect) {
  state_->replace(state_->rarely().on_connect, std::move(on_connect));
}

Written Stream::write(Bytes bytes) { return state_->write(bytes); }

Written Stream::write_file(File file, std::uint64_t offset, std::uint64_t size) {
  return state_->write_file(std::move(file), offset, size);
}

void Stream::shutdown() { state_->shutdown(); }

void Stream::close(Duration timeout) { state_->close(timeout); }

void Stream::close() { close(state_->limits().close_timeout); }

void Stream::fail(Error reason) { delivery().fail(std::move(reason)); }

void Stream::abort() { state_->abort(); }

void Stream::pause() {
  state_->set(State::paused);
  state_->settle_level();
}

void Stream::resume() {
  state_->clear(State::paused);
  if (state_->is(State::readable | State::undelivered)) state_->engine().schedule(*state_);
  state_->settle_level();
}

std::size_t Stream::queued_bytes() const { return state_->queued(); }

void Stream::set_limits(const StreamLimits& limits) { set_limits(SharedLimits(limits)); }

void Stream::set_limits(const SharedLimits& limits) { state_->set_limits(limits.state_); }

bool Stream::is_reading() const { return state_->reads(); }

bool Stream::peer_has_ended() const {
  return state_->is(State::end_is_near | State::ended | State::broken | State::closed);
}

void Stream::touch() { state_->touch(); }

Duration Stream::quiet_for() const { return std::chrono::nanoseconds(state_->quiet_for()); }

bool Stream::has_progressed() const { return state_->has_progressed(); }

void Stream::accept() {
  if (state_->is(State::accepted)) return;
  state_->set(State::accepted);
  AcceptObserver* const observer = state_->seldom ? state_->seldom->observer : nullptr;
  if (observer) observer->on_accepted();
}

bool Stream::is_accepted() const { return state_->is(State::accepted); }

void Stream::observe_accept(AcceptObserver* observer) { state_->rarely().observer = observer; }

Socket& Stream::socket() { return state_->socket; }

Stream::Sender Stream::sender() const { return Sender(state_->outbox()); }

Stream::Delivery Stream::delivery() const { return Delivery(state_.get()); }

bool Stream::Delivery::goes_on() const {
  // Not asked: whether the connection is broken. What the peer sent before is still its due.
  const State& state = *state_;
  return !state.retired() && state.socket &&
         !state.is((State::not_reading & ~State::broken) | State::on_data_replaced);
}

void Stream::Delivery::call_again() {
  if (state_->retired()) return;
  state_->set(State::undelivered);
  if (state_->reads()) state_->engine().schedule(*state_);
}

void Stream::Delivery::close() {
  if (!state_->retired()) state_->close(state_->limits().close_timeout);
}

void Stream::Delivery::fail(Error reason) {
  if (state_->retired()) return;
  if (reason.subject.empty()) reason.subject = state_->peer.to_string();
  state_->close(state_->limits().close_timeout, std::move(reason));
}

Written Stream::Sender::write(std::string_view text) const {
  return outbox_->write(outbox_, std::as_bytes(std::span(text)));
}

void Stream::Sender::once_drained(Callback<void()> callback) const {
  outbox_->once_drained(std::move(callback));
}

}  // namespace reactor
