#include "reactor/stream.hpp"

#include <netinet/tcp.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reactor/engine.hpp"
#include "reactor/sys.hpp"
#include "reactor/timer.hpp"

namespace reactor {
namespace {

// A write as large as this costs more to copy than to send by itself.
constexpr std::size_t large_write_bytes = 4096;

constexpr std::chrono::seconds default_close_timeout(5);

// A peer's address in what an IPv6 one takes, a fraction of an Address.
struct CompactAddress {
  sockaddr_in6 bytes{};

  explicit CompactAddress(const Address& address) {
    if (address.size() <= sizeof bytes) std::memcpy(&bytes, address.data(), address.size());
  }
  [[nodiscard]] std::string to_string() const {
    const auto* address = reinterpret_cast<const sockaddr*>(&bytes);
    if (address->sa_family == AF_INET)
      return Address::from(address, sizeof(sockaddr_in)).to_string();
    if (address->sa_family == AF_INET6) return Address::from(address, sizeof bytes).to_string();
    return "unix socket";
  }
};

// One call to sendfile brings no more, and neither does one turn.
constexpr std::uint64_t file_bytes_a_turn = 1024 * 1024;

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

struct Stream::State final : Source {
  // A file, or what is left to be sent of it.
  struct FilePart {
    File file;
    std::uint64_t offset;
    std::uint64_t size;
    std::size_t queued_before;  // Bytes of the queue that go first, behind the part before.
  };

  // What most connections have no need of, most of the time.
  struct Seldom {
    Callback<void()> on_connect;
    Callback<void()> on_end;
    Callback<void()> on_drained;
    std::vector<std::byte> queue;  // Not yet taken by the kernel, from `queue_begin` on.
    std::size_t queue_begin = 0;
    std::vector<FilePart> files;
    std::optional<Timer> timer;  // While connecting, and while closing.
    Error error;                 // Why the connection is over, until on_close tells.
  };

  // What is so. Eleven of these end reading or writing, so a test of many is a test of one word.
  enum Flag : unsigned {
    connecting = 1 << 0,
    readable = 1 << 1,     // The kernel may have more to read; an edge will not tell again.
    end_is_near = 1 << 2,  // So look for it behind the last byte.
    ended = 1 << 3,        // The peer's end was read.
    deaf = 1 << 4,         // There is no on_data.
    paused = 1 << 5,       // By the user.
    throttled = 1 << 6,    // By what is queued.
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
  };
  static constexpr unsigned not_reading =
      connecting | ended | deaf | paused | throttled | closing | broken | closed;
  static constexpr unsigned not_writing = shutting | closing | broken | closed;

  State(Engine& engine, Socket connection, const Address& from)
      : Source(engine, Kind::stream), socket(std::move(connection)), peer(from) {
    keep_loop_running(true);
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
    const auto received = static_cast<std::size_t>(size);
    if (received == read_bytes || is(end_is_near | readable | undelivered | on_data_replaced)) {
      return deliver_and_read_on(received);
    }
    if (engine().call(*this, on_data_callback, Bytes(buffer, received))) settle_level();
  }

  [[gnu::noinline]] void deliver_and_read_on(std::size_t received) {
    // A buffer that was not filled has emptied the socket, unless its end is behind that.
    const bool filled = received == read_bytes;
    filled || is(end_is_near) ? set(readable) : clear(readable);
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
      begin_closing(default_close_timeout);
    }
    go_on();
  }

  // ---- Writing

  [[nodiscard]] std::size_t queued() const {
    return seldom ? seldom->queue.size() - seldom->queue_begin : 0;
  }

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
    if (queued() + bytes.size() > max_queued_bytes) {
      Error error = system_error(ENOBUFS, "send to", peer.to_string());
      error.hint = "the peer does not read, and more than " + std::to_string(max_queued_bytes) +
                   " bytes wait for it";
      fail(std::move(error));
      return Written::closed;
    }
    std::vector<std::byte>& queue = rarely().queue;
    if (seldom->queue_begin > queue.size() / 2) {
      queue.erase(queue.begin(), queue.begin() + static_cast<std::ptrdiff_t>(seldom->queue_begin));
      seldom->queue_begin = 0;
    }
    queue.insert(queue.end(), bytes.begin(), bytes.end());
    return wait_for_kernel();
  }

  Written write_file(File file, std::uint64_t offset, std::uint64_t size) {
    if (is(not_writing)) return Written::closed;
    if (size == 0) return Written::sent;
    const Bytes gathered = engine().take_gathered(*this);
    if (!gathered.empty()) send(gathered, {}, MSG_MORE);
    if (is(broken)) return Written::closed;
    std::size_t before = queued();
    for (const FilePart& part : rarely().files) before -= part.queued_before;
    seldom->files.push_back({std::move(file), offset, size, before});
    if (!is(connecting | queueing)) send_waiting();
    if (is(broken)) return Written::closed;
    return waiting() == 0 ? Written::sent : wait_for_kernel();
  }

  Written wait_for_kernel() {
    set(queueing);
    if (waiting() > high_water_bytes) set(throttled);
    settle();
    return is(throttled) ? Written::full : Written::queued;
  }

  // All that is to be sent, the files' bytes too.
  [[nodiscard]] std::uint64_t waiting() const {
    std::uint64_t bytes = queued();
    if (seldom) {
      for (const FilePart& part : seldom->files) bytes += part.size;
    }
    return bytes;
  }

  // Sends what waits, as far as the kernel takes it. False when the stream is gone.
  [[nodiscard]] bool send_queue() {
    send_waiting();
    if (is(broken)) return true;
    const std::uint64_t left = waiting();
    if (left == 0) {
      std::vector<std::byte>().swap(seldom->queue);
      seldom->queue_begin = 0;
      clear(queueing);
    }
    if (!is(throttled) || left > high_water_bytes / 2) return true;
    clear(throttled);
    if (!seldom->on_drained || is(closing)) return true;
    return engine().call(*this, seldom->on_drained);
  }

  void send_waiting() {
    clear(file_goes_on);
    std::uint64_t file_bytes = file_bytes_a_turn;
    for (;;) {
      std::vector<FilePart>& files = seldom->files;
      const std::size_t first = files.empty() ? queued() : files.front().queued_before;
      if (first == 0 && files.empty()) return;
      if (first == 0 && file_bytes == 0) {
        set(file_goes_on);
        return engine().schedule(*this);
      }
      const std::uint64_t wanted = first > 0 ? first : std::min(files.front().size, file_bytes);
      const ssize_t size = first > 0
                               ? sys::send(socket.fd(), seldom->queue.data() + seldom->queue_begin,
                                           first, files.empty() ? 0 : MSG_MORE)
                               : send_file(files.front(), wanted);
      if (size == -EINTR) continue;
      if (size == -EAGAIN) return;
      if (size < 0) {
        return fail(system_error(static_cast<int>(-size), "send to", peer.to_string()));
      }
      const auto sent = static_cast<std::size_t>(size);
      if (first > 0) {
        seldom->queue_begin += sent;
        if (!files.empty()) files.front().queued_before -= sent;
      } else {
        if (sent == 0) return fail_short_file(files.front());
        file_bytes -= sent;
        files.front().size -= sent;
        files.front().offset += sent;
        if (files.front().size == 0) files.erase(files.begin());
      }
      // Less than all: the kernel is full, and will say when it no longer is. Of a file, its end
      // may also be why; the next call tells.
      if (first > 0 && sent < wanted) return;
    }
  }

  [[nodiscard]] ssize_t send_file(const FilePart& part, std::uint64_t size) {
    auto offset = static_cast<off_t>(part.offset);
    return sys::sendfile(socket.fd(), part.file.fd(), &offset, static_cast<std::size_t>(size));
  }

  void fail_short_file(const FilePart& part) {
    Error error = system_error(EIO, "send a file to", peer.to_string());
    error.hint = "it ends at byte " + std::to_string(part.offset) + ", and " +
                 std::to_string(part.size) + " more were to be sent";
    fail(std::move(error));
  }

  // ---- Connecting

  void connect(std::chrono::milliseconds timeout) {
    set(connecting);
    fail_after(timeout, "connect");
    settle();
  }

  void finish_connecting() {
    Error error = socket.take_error();
    if (error) {
      error.operation = "connect";
      error.subject = peer.to_string();
      fail(std::move(error));
      return finish_broken();
    }
    clear(connecting);
    seldom->timer.reset();
    if (seldom->on_connect && !engine().call(*this, seldom->on_connect)) return;
    if (is(queueing) && !send_queue()) return;
    go_on();
  }

  // ---- Ending

  void shutdown() {
    if (is(not_writing)) return;
    send_gathered();
    set(shutting);
    shut_down_if_sent();
    if (is(ended)) engine().schedule(*this);  // Both sides are: go_on() finishes.
  }

  void shut_down_if_sent() {
    if (!is(shutting) || is(shut | connecting | queueing | broken)) return;
    set(shut);
    sys::shutdown(socket.fd(), SHUT_WR);
  }

  void close(std::chrono::milliseconds timeout, Error reason = {}) {
    if (is(closing | broken | closed)) return;
    if (is(connecting)) return fail(system_error(ECANCELED, "connect", peer.to_string()));
    if (reason) rarely().error = std::move(reason);
    begin_closing(timeout);
    engine().schedule(*this);
  }

  void begin_closing(std::chrono::milliseconds timeout) {
    send_gathered();
    set(closing | shutting);
    clear(throttled);
    if (!is(ended) || is(queueing)) fail_after(timeout, "close connection to");
  }

  // Reads while there is something to send too: a peer that sends all it has before it reads would
  // never come to that otherwise.
  void go_on_closing() {
    if (!is(ended)) shut_down_if_sent();
    constexpr std::size_t most = Engine::read_buffer_bytes;
    while (is(readable) && !is(ended)) {
      const ssize_t size = sys::recv(socket.fd(), engine().read_buffer(), most, 0);
      if (size == -EINTR) continue;
      if (size == static_cast<ssize_t>(most)) return engine().schedule(*this);
      if (size < 0 && size != -EAGAIN) {
        return finish(
            system_error(static_cast<int>(-size), "close connection to", peer.to_string()));
      }
      if (size == 0) set(ended);
      if (size < 0 || !is(end_is_near)) clear(readable);
    }
    if (is(ended) && !is(queueing)) return finish({});
    settle();
  }

  void fail_after(std::chrono::milliseconds timeout, const char* operation) {
    constexpr std::chrono::hours longest(24 * 365 * 100);  // About what nanoseconds can count.
    timeout = std::min<std::chrono::milliseconds>(timeout, longest);
    rarely().timer = Timer::after(engine().loop(), timeout, [this, operation] {
      fail(system_error(ETIMEDOUT, operation, peer.to_string()));
    });
  }

  void abort() {
    if (is(closed)) return;
    (void)engine().take_gathered(*this);
    const linger reset{1, 0};
    sys::setsockopt(socket.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
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
      if (!deliver({buffer, static_cast<std::size_t>(size)})) return;
      if (engine().interrupted()) return engine().schedule(*this);
    }
    finish({});
  }

  // From the engine only: calls on_close, the last of all calls.
  void finish(Error error) {
    set(closed);
    close_socket();
    if (seldom) {
      seldom->timer.reset();
      if (seldom->error) error = std::move(seldom->error);
    }
    keep_loop_running(false);
    if (on_close_callback) (void)engine().call(*this, on_close_callback, std::as_const(error));
  }

  void close_socket() {
    if (!socket) return;
    if (registered != Interest::none) engine().unwatch_closed(*this, socket.fd());
    registered = Interest::none;
    socket = Socket();
  }

  // ---- Registration

  // Tells the poller what this stream waits for. Edge-triggered, that is all input for its whole
  // life, and output from the first time that the kernel was full.
  void settle() {
    if (!socket || is(closed)) return;
    const bool waits_to_write = is(connecting | queueing);
    Interest wanted = waits_to_write ? Interest::writable : Interest::none;
    if (Poller::has_edge_trigger) {
      wanted = wanted | Interest::readable | Interest::peer_closed | registered;
    } else if (reads() || (is(closing) && !is(ended))) {
      wanted = wanted | Interest::readable;
    } else if (!is(end_is_near)) {
      wanted = wanted | Interest::peer_closed;  // Level-triggered, it would be told for ever.
    } else if (is(ended)) {
      wanted = wanted | Interest::priority;  // Never comes; a reset does.
    }
    if (wanted == registered) return;
    const Trigger trigger = Poller::has_edge_trigger ? Trigger::edge : Trigger::level;
    const int error = is(watched) ? engine().rewatch(*this, socket.fd(), wanted, trigger)
                                  : engine().watch(*this, socket.fd(), wanted, trigger);
    set(watched);
    registered = wanted;
    if (error != 0) fail(system_error(-error, "watch connection to", peer.to_string()));
  }

  // Level-triggered, what a stream waits for follows what it may do.
  void settle_level() {
    if (!Poller::has_edge_trigger) settle();
  }

  // An error that no read will collect.
  void collect_error() {
    Error error = socket.take_error();
    if (!error) return;
    error.operation = "connection to";
    error.subject = peer.to_string();
    fail(std::move(error));
  }

  Seldom& rarely() {
    if (!seldom) seldom = std::make_unique<Seldom>();
    return *seldom;
  }

  Socket socket;
  Interest registered = Interest::none;
  unsigned flags = deaf;
  std::uint32_t read_bytes = Engine::read_buffer_bytes;
  std::uint32_t high_water_bytes = 256 * 1024;
  std::uint32_t max_queued_bytes = 64 * 1024 * 1024;
  CompactAddress peer;
  Callback<void(Bytes)> on_data_callback;
  Callback<void(const Error&)> on_close_callback;
  std::unique_ptr<Seldom> seldom;
};

void Stream::Retire::operator()(State* state) const noexcept { retire(state); }

Stream::Stream(Loop& loop, Socket socket) : Stream(loop, std::move(socket), Address()) {
  if (const auto peer = state_->socket.peer_address()) state_->peer = CompactAddress(*peer);
}

Stream::Stream(Loop& loop, Socket socket, const Address& peer)
    : state_(new State(loop.engine(), std::move(socket), peer)) {
  state_->settle();
}

Result<Stream> Stream::connect(Loop& loop, const Address& peer, std::chrono::milliseconds timeout) {
  auto socket = Socket::open(peer.family(), SocketType::stream);
  if (!socket) return Failure(socket.error());
  if (peer.family() != Family::unix_socket) {
    if (auto set = socket->set(option::no_delay, true); !set) return Failure(set.error());
  }
  if (const auto done = socket->connect(peer); !done) return Failure(done.error());
  Stream stream(new State(loop.engine(), std::move(*socket), peer));
  stream.state_->connect(timeout);
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

void Stream::close(std::chrono::milliseconds timeout) { state_->close(timeout); }

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

void Stream::set_limits(StreamLimits limits) {
  constexpr std::size_t most = UINT32_MAX;
  state_->high_water_bytes = static_cast<std::uint32_t>(std::min(limits.high_water_bytes, most));
  state_->max_queued_bytes = static_cast<std::uint32_t>(std::min(limits.max_queued_bytes, most));
  state_->read_bytes = static_cast<std::uint32_t>(
      std::clamp<std::size_t>(limits.read_bytes, 1, Engine::read_buffer_bytes));
}

Socket& Stream::socket() { return state_->socket; }

Stream::Sender Stream::sender() const { return {state_->engine().loop(), state_->token()}; }

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
  if (!state_->retired()) state_->close(default_close_timeout);
}

void Stream::Delivery::fail(Error reason) {
  if (state_->retired()) return;
  if (reason.subject.empty()) reason.subject = state_->peer.to_string();
  state_->close(default_close_timeout, std::move(reason));
}

void Stream::Sender::write(std::string bytes) const {
  loop_->post([engine = &loop_->engine(), token = token_, bytes = std::move(bytes)] {
    auto* stream = static_cast<State*>(engine->find(token));
    if (stream) stream->write(std::as_bytes(std::span(bytes)));
  });
}

}  // namespace reactor
