#include "reactor/stream_input.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "reactor/platform/sys.hpp"

namespace reactor::inline v0 {
namespace {

constexpr std::size_t first_read_bytes = 64 * 1024;
constexpr std::size_t least_read_bytes = 16 * 1024;

}  // namespace

StreamInput::StreamInput(Engine& engine, Socket socket, const Address& peer)
    : StreamOutput(engine, std::move(socket), peer),
      flags_(engine.has_edge_trigger() ? no_reader : no_reader | level_triggered),
      read_bytes_(first_read_bytes) {}

void StreamInput::on_ready(unsigned happened) {
  constexpr unsigned rare = undelivered | end_is_near | readable | on_data_replaced |
                            level_triggered | filtered | with_descriptors;
  if (happened != Happened::readable || is(not_reading | rare)) [[unlikely]] {
    const bool reads = happened == Happened::readable && !is(not_reading | undelivered);
    return reads ? read() : on_anything_ready(happened);
  }
  const ssize_t size = receive();
  if (size <= 0 || static_cast<std::size_t>(size) == read_bytes_) [[unlikely]]
    return take(size);
  moved_at_ = engine().iteration_time();
  (void)engine().call(*this, on_data_,
                      Bytes(engine().read_buffer(), static_cast<std::size_t>(size)));
}

std::ptrdiff_t StreamInput::receive() {
  return sys::recv(connection().fd(), engine().read_buffer(), read_bytes_, 0);
}

std::ptrdiff_t StreamInput::receive_otherwise() {
  return is(with_descriptors) ? receive_descriptors() : receive();
}

std::ptrdiff_t StreamInput::receive_descriptors() {
  DescriptorMessages& messages = descriptors();
  const std::ptrdiff_t size = receive_with_descriptors(
      connection().fd(), {engine().read_buffer(), read_bytes_}, messages.received);
  return messages.received.size() > messages.most_waiting ? -ENOBUFS : size;
}

Error StreamInput::receive_error(int number) {
  Error error = connection().error(number, "receive from");
  if (is(with_descriptors) && (number == ENOBUFS || number == EMFILE)) {
    descriptors().received.clear();
    error.hint = number == EMFILE ? "descriptors that it sent are lost"
                                  : "it has sent more descriptors than may wait";
  }
  return error;
}

void StreamInput::receive_descriptors(std::size_t most_waiting) {
  set(with_descriptors);
  descriptors().most_waiting = most_waiting;
}

void StreamInput::read() { is(filtered) ? read_filtered() : take(receive_otherwise()); }

[[gnu::noinline]] void StreamInput::take(std::ptrdiff_t size) {
  if (size <= 0) return read_nothing(static_cast<int>(-size));
  moved_at_ = engine().iteration_time();
  const auto received = static_cast<std::size_t>(size);
  // If the buffer was not filled, the socket is empty, unless the peer's end follows.
  const bool filled = received == read_bytes_ || is(with_descriptors);
  filled || is(end_is_near) ? set(readable) : clear(readable);
  read_bytes_ = filled ? share_bytes() : first_bytes();
  if (!deliver({engine().read_buffer(), received})) return;
  if (!is(readable) || !reads()) return update_level();
  if (filled || engine().interrupted()) return engine().schedule(*this);
  read();
}

void StreamInput::read_nothing(int error) {
  if (error == EINTR) return read();
  clear(readable);
  if (error == EAGAIN) return update_level();
  if (error != 0) return on_input_failed(receive_error(error));
  set(ended);
  on_input_ended();
}

StreamFilter::Decoded StreamInput::receive_filtered() {
  StreamFilter& through = *filter();
  std::byte* const encoded = engine().read_buffer() + StreamFilter::headroom_bytes;
  std::size_t received = 0;
  if (!through.has_input()) {
    constexpr std::size_t room = Engine::read_buffer_bytes - StreamFilter::headroom_bytes;
    const std::size_t most = std::min<std::size_t>(read_bytes_, room);
    ssize_t size = -EINTR;
    while (size == -EINTR) size = sys::recv(connection().fd(), encoded, most, 0);
    if (size == -EAGAIN) {
      clear(readable);
      return {};
    }
    if (size < 0) {
      clear(readable);
      return {.state = StreamFilter::State::broken, .socket_error = static_cast<int>(-size)};
    }
    if (size == 0) {
      set(end_is_near);
      return through.decode_end();
    }
    moved_at_ = engine().iteration_time();
    received = static_cast<std::size_t>(size);
    const bool filled = received == most;
    filled || is(end_is_near) ? set(readable) : clear(readable);
    read_bytes_ = filled ? share_bytes() : first_bytes();
  }
  const auto decoded = through.decode(engine().read_buffer(), {encoded, received});
  if (through.has_input()) set(readable);
  send_encoded();
  return decoded;
}

void StreamInput::read_filtered() {
  using State = StreamFilter::State;
  const auto decoded = receive_filtered();
  switch (decoded.state) {
    case State::data:
      if (!deliver({engine().read_buffer(), decoded.size})) return;
      clear(newly_secured);
      break;
    case State::ended:
      clear(readable);
      set(ended);
      return on_input_ended();
    case State::failed:
      return on_input_refused(filter()->error());
    case State::broken:
      return on_input_failed(connection().error(decoded.socket_error, "receive from"));
    case State::incomplete:
    case State::secured:
      break;
  }
  if (is(readable) && reads()) engine().schedule(*this);
  update_level();
}

bool StreamInput::deliver_rest_filtered() {
  while (is(readable) && !is(no_reader | paused | ended | closing | handshaking)) {
    const auto decoded = receive_filtered();
    if (decoded.state == StreamFilter::State::incomplete) continue;
    if (decoded.state != StreamFilter::State::data) break;
    if (!deliver({engine().read_buffer(), decoded.size})) return false;
    if (engine().interrupted()) {
      engine().schedule(*this);
      return false;
    }
  }
  return true;
}

bool StreamInput::deliver(Bytes bytes) {
  clear(undelivered | on_data_replaced);
  return engine().call(*this, on_data_, bytes);
}

bool StreamInput::deliver_rest() {
  if (is(filtered)) return deliver_rest_filtered();
  while (is(readable) && !is(no_reader | paused | ended | closing)) {
    const ssize_t size = receive_otherwise();
    if (size == -EINTR) continue;
    if (size <= 0) break;
    const auto received = static_cast<std::size_t>(size);
    if (!deliver({engine().read_buffer(), received})) return false;
    if (received == read_bytes_ || engine().interrupted()) {
      engine().schedule(*this);
      return false;
    }
  }
  return true;
}

Error StreamInput::discard() {
  constexpr std::size_t most = Engine::read_buffer_bytes;
  while (is(readable) && !is(ended)) {
    const ssize_t size = sys::recv(connection().fd(), engine().read_buffer(), most, 0);
    if (size == -EINTR) continue;
    if (size < 0 && size != -EAGAIN) {
      return connection().error(static_cast<int>(-size), "close connection to");
    }
    if (size == 0) set(ended);
    if (size > 0) moved_at_ = engine().iteration_time();
    if (size == static_cast<ssize_t>(most)) {
      engine().schedule(*this);
      break;
    }
    if (size < 0 || !is(end_is_near)) clear(readable);
  }
  return {};
}

// A stream begins with small reads, and uses larger ones as long as they are filled and few others
// have much to read. So what one iteration reads does not grow with the number of peers that flood.
// A read of more than first_bytes() is never the last before the loop waits.
std::uint32_t StreamInput::first_bytes() const { return most_bytes(first_read_bytes); }

std::uint32_t StreamInput::share_bytes() const {
  return most_bytes(std::max(engine().share_bytes(), least_read_bytes));
}

std::uint32_t StreamInput::most_bytes(std::size_t size) const {
  const std::size_t most = std::min(limits().read_bytes, Engine::read_buffer_bytes);
  return static_cast<std::uint32_t>(
      std::clamp<std::size_t>(size, 1, std::max<std::size_t>(most, 1)));
}

void StreamInput::set_limits(const SharedLimits& limits) {
  StreamOutput::set_limits(limits);
  read_bytes_ = first_bytes();
}

void StreamInput::on_data(Callback<void(Bytes)> on_data) {
  set(on_data_replaced);
  on_data ? clear(no_reader) : set(no_reader);
  replace(on_data_, std::move(on_data));
  if (is(readable)) engine().schedule(*this);
  update_level();
}

void StreamInput::pause() {
  set(paused);
  update_level();
}

void StreamInput::resume() {
  clear(paused);
  if (is(readable | undelivered)) engine().schedule(*this);
  update_level();
}

void StreamInput::update_interest() {
  if (!connection().is_open() || is(closed | unreachable)) return;
  Interest wanted = is(connecting) || waits_for_socket() ? Interest::writable : Interest::none;
  if (!is(level_triggered)) {
    wanted = wanted | Interest::readable | Interest::peer_closed | connection().waits_for();
  } else if (reads() || is(handshaking) || (is(closing) && !is(ended))) {
    wanted = wanted | Interest::readable;
  } else if (!is(end_is_near)) {
    wanted = wanted | Interest::peer_closed;  // Level-triggered, it would be reported forever.
  } else if (!end_is_sent()) {
    wanted = wanted | Interest::priority;  // Priority data never arrives; a reset does.
  }
  if (wanted == connection().waits_for()) return;
  const int error = connection().wait_for(*this, wanted);
  if (error != 0) fail(connection().error(-error, "watch connection to"));
}

// Level-triggered, the registration must follow what the stream may do.
void StreamInput::update_level() {
  if (is(level_triggered)) update_interest();
}

}  // namespace reactor
