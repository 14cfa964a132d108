#include "reactor/stream_output.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/platform/sys.hpp"

namespace reactor::inline v0 {
namespace {

// While the peer does not read.
constexpr std::size_t most_waiting_descriptors = 1024;

}  // namespace

// By itself, so that an echo saves no registers.
[[gnu::noinline]] WriteStatus StreamOutput::write_small(Bytes bytes) {
  if (bytes.size() < large_write_bytes && !bytes.empty() && !is(held | queueing | no_more)) {
    if (engine().gather_in_place(*this, bytes)) return WriteStatus::sent;
    if (engine().gather(*this, bytes)) return WriteStatus::sent;
  }
  return write_otherwise(bytes);
}

[[gnu::noinline]] WriteStatus StreamOutput::write_otherwise(Bytes bytes) {
  if (is(no_more)) return WriteStatus::closed;
  if (bytes.empty()) return WriteStatus::sent;
  if (is(held | queueing)) return enqueue(bytes);
  // Bytes that were just read are encoded from where they are.
  if (filter() && engine().gather_first(*this, bytes)) return WriteStatus::sent;
  // A record of TLS is as large as the buffer that gathers them.
  const bool gathers = bytes.size() < large_write_bytes || filter();
  if (gathers && engine().gather(*this, bytes)) return WriteStatus::sent;
  return send(engine().take_gathered(*this), bytes);
}

WriteStatus StreamOutput::write(std::span<const Bytes> parts) {
  // Inside a callback a large part leaves together with the small ones before it.
  if (engine().in_callback()) {
    for (const Bytes part : parts) write(part);
    return write_status();
  }
  std::vector<std::byte> joined;
  for (const Bytes part : parts) joined.insert(joined.end(), part.begin(), part.end());
  return write(joined);
}

WriteStatus StreamOutput::write_status() const {
  if (is(no_more)) return WriteStatus::closed;
  if (is(above_high_water)) return WriteStatus::above_high_water;
  return cold_ && !cold_->queue.empty() ? WriteStatus::queued : WriteStatus::sent;
}

void StreamOutput::on_gathered(Bytes bytes) {
  if (filter()) [[unlikely]] {
    send_through_filter(bytes, {});
    return;
  }
  const ssize_t size = sys::send(connection_.fd(), bytes.data(), bytes.size(), 0);
  if (size != static_cast<ssize_t>(bytes.size())) [[unlikely]] {
    sent(size, bytes, {});
    return;
  }
  moved_at_ = engine().iteration_time();
}

void StreamOutput::send_gathered() {
  const Bytes gathered = engine().take_gathered(*this);
  if (!gathered.empty()) send(gathered, {});
}

WriteStatus StreamOutput::send(Bytes first, Bytes second, int send_flags) {
  if (is(no_more)) return WriteStatus::closed;
  const std::size_t total = first.size() + second.size();
  if (total == 0) return WriteStatus::sent;
  if (filter()) return send_through_filter(first, second);
  const std::ptrdiff_t size = connection_.send(first, second, send_flags);
  return size == static_cast<std::ptrdiff_t>(total) ? WriteStatus::sent : sent(size, first, second);
}

// Handles what a system call did not send.
[[gnu::noinline]] WriteStatus StreamOutput::sent(std::ptrdiff_t size, Bytes first, Bytes second) {
  if (size == -EINTR) return send(first, second);
  if (size < 0 && size != -EAGAIN) {
    fail(connection_.error(static_cast<int>(-size), "send to"));
    return WriteStatus::closed;
  }
  const std::size_t done = size < 0 ? 0 : static_cast<std::size_t>(size);
  if (done >= first.size()) return enqueue(second.subspan(done - first.size()));
  const WriteStatus became = enqueue(first.subspan(done));
  return second.empty() || became == WriteStatus::closed ? became : enqueue(second);
}

WriteStatus StreamOutput::send_through_filter(Bytes first, Bytes second) {
  while (!first.empty() || !second.empty()) {
    Bytes& next = first.empty() ? second : first;
    const std::size_t encoded = filter()->encode(next);
    if (encoded == 0) {
      fail(filter()->error());
      return WriteStatus::closed;
    }
    next = next.subspan(encoded);
    const int error = send_output(*filter(), connection_);
    if (error == 0) continue;
    if (error != EAGAIN) {
      fail(connection_.error(error, "send to"));
      return WriteStatus::closed;
    }
    if (!first.empty() && enqueue(first) == WriteStatus::closed) return WriteStatus::closed;
    return second.empty() ? wait_for_kernel() : enqueue(second);
  }
  moved_at_ = engine().iteration_time();
  return WriteStatus::sent;
}

void StreamOutput::send_encoded() {
  if (is(queueing) && !is(held)) return;  // flush() sends it, in its order.
  const int error = send_output(*filter(), connection_);
  if (error == EAGAIN) {
    wait_for_kernel();
  } else if (error != 0) {
    fail(connection_.error(error, "send to"));
  }
}

bool StreamOutput::attach(std::unique_ptr<StreamFilter> filter) {
  send_gathered();
  take_posted();
  Cold& cold = this->cold();
  if (cold.queue.has_files() || (cold.descriptors && !cold.descriptors->nothing_waits())) {
    return false;
  }
  // While it connects, what was written before waits in the queue.
  filter->start(cold.queue.front_bytes());
  quota_.remove(cold.queue.bytes());
  cold.queue = {};
  cold.filter = std::move(filter);
  return true;
}

void StreamOutput::drop_output() {
  (void)engine().take_gathered(*this);
  if (!cold_) return;
  drop_queue();
  clear(queueing | more_of_file | above_high_water);
}

WriteStatus StreamOutput::enqueue(Bytes bytes) {
  if (!is(unlimited)) {
    std::string why = quota_.why_full(queued(), bytes.size());
    if (!why.empty()) {
      lose_output();
      Error error = connection_.error(ENOBUFS, "send to");
      error.hint = std::move(why);
      fail(std::move(error));
      return WriteStatus::closed;
    }
  }
  cold().queue.push(bytes);
  quota_.add(bytes.size());
  engine().note_queued(queued());
  return wait_for_kernel();
}

WriteStatus StreamOutput::write_file(File file, std::uint64_t offset, std::uint64_t size) {
  if (is(no_more)) return WriteStatus::closed;
  if (size == 0) return WriteStatus::sent;
  const Bytes gathered = engine().take_gathered(*this);
  if (!gathered.empty()) send(gathered, {}, sys::more_follows);
  if (is(no_more)) return WriteStatus::closed;
  cold().queue.push(std::move(file), offset, size);
  if (!is(held | queueing) && !send_waiting()) return WriteStatus::closed;
  return cold_->queue.empty() ? WriteStatus::sent : wait_for_kernel();
}

WriteStatus StreamOutput::write_descriptors(std::vector<Descriptor> descriptors, Bytes bytes) {
  assert(!bytes.empty() && "descriptors arrive with a byte");
  if (descriptors.empty()) return write(bytes);
  send_gathered();
  if (is(no_more)) return WriteStatus::closed;
  DescriptorMessages& messages = this->descriptors();
  const char* const too_many = descriptors.size() > most_descriptors_at_once
                                   ? "a message has 253 descriptors at most"
                               : messages.waiting() + descriptors.size() > most_waiting_descriptors
                                   ? "it does not read, and too many descriptors wait"
                                   : nullptr;
  if (too_many || !can_pass_descriptors()) {
    refuse_descriptors(too_many ? ENOBUFS : EOPNOTSUPP,
                       too_many ? too_many : "only unix sockets in clear pass descriptors");
    return WriteStatus::closed;
  }
  std::ptrdiff_t size = is(held | queueing) ? -EAGAIN : -EINTR;
  while (size == -EINTR) size = send_with_descriptors(connection_.fd(), bytes, descriptors);
  if (size == -EAGAIN) messages.push(queued(), std::move(descriptors));
  return size == static_cast<std::ptrdiff_t>(bytes.size()) ? WriteStatus::sent
                                                           : sent(size, bytes, {});
}

bool StreamOutput::can_pass_descriptors() const {
  const auto local = connection_.socket().local_address();
  return !filter() && local && local->family() == Family::unix_socket;
}

void StreamOutput::refuse_descriptors(int number, const char* why) {
  lose_output();
  Error error = connection_.error(number, "send descriptors to");
  error.hint = why;
  fail(std::move(error));
}

DescriptorMessages& StreamOutput::descriptors() {
  std::unique_ptr<DescriptorMessages>& messages = cold().descriptors;
  if (!messages) messages = std::make_unique<DescriptorMessages>();
  return *messages;
}

Descriptor StreamOutput::take_descriptor() {
  return cold_ && cold_->descriptors ? cold_->descriptors->take() : Descriptor();
}

void StreamOutput::drop_queue() {
  quota_.remove(queued());
  cold_->queue = {};
  if (cold_->descriptors) cold_->descriptors->drop();
}

WriteStatus StreamOutput::wait_for_kernel() {
  set(queueing);
  if (cold_->queue.total() > limits().high_water_bytes) set(above_high_water);
  on_output_waits();
  return is(above_high_water) ? WriteStatus::above_high_water : WriteStatus::queued;
}

bool StreamOutput::flush() {
  if (!send_waiting()) return false;
  const SendQueue& queue = cold_->queue;
  if (queue.empty() && (!filter() || filter()->output().empty())) clear(queueing);
  if (queue.total() > limits().high_water_bytes / 2) return false;
  if (cold_->outbox) cold_->outbox->set_queued(queue.bytes());
  const bool drained = is(above_high_water);
  clear(above_high_water);
  return drained;
}

// Returns false when it has failed.
bool StreamOutput::send_waiting() {
  // An iteration sends at least this much, however many files are being sent.
  constexpr std::uint64_t least_file_bytes = 64 * 1024;
  const std::uint64_t most_file_bytes = std::clamp<std::uint64_t>(
      engine().share_bytes(), least_file_bytes, Engine::most_shared_bytes);
  clear(more_of_file);
  SentOfQueue sent = send_queue(most_file_bytes);
  if (sent.memory_bytes + sent.file_bytes > 0) moved_at_ = engine().iteration_time();
  quota_.remove(sent.memory_bytes);
  if (sent.more_of_file) {
    set(more_of_file);
    engine().schedule(*this);
  }
  if (!sent.error) return true;
  fail(std::move(sent.error));
  return false;
}

SentOfQueue StreamOutput::send_queue(std::uint64_t most_file_bytes) {
  if (!filter()) {
    return send_queued(cold_->queue, connection_, cold_->descriptors.get(), most_file_bytes);
  }
  SentOfQueue result;
  if (const int error = send_output(*filter(), connection_); error == 0) {
    if (is(held)) return result;
    return send_queued(cold_->queue, connection_, *filter(), most_file_bytes);
  } else if (error != EAGAIN) {
    result.error = connection_.error(error, "send to");
  }
  return result;
}

std::shared_ptr<StreamOutbox> StreamOutput::outbox() {
  std::shared_ptr<StreamOutbox>& outbox = cold().outbox;
  if (!outbox) {
    outbox = std::make_shared<StreamOutbox>(engine(), token(), limits(), [](Source& stream) {
      static_cast<StreamOutput&>(stream).take_posted();
    });
    if (is(no_more)) outbox->close();
  }
  return outbox;
}

// Takes over what senders have written. write() returned `queued`, so no limit refuses it.
void StreamOutput::take_posted() {
  if (!cold_ || !cold_->outbox) return;
  const std::vector<std::byte> posted = cold_->outbox->take();
  if (!posted.empty() && !is(no_more)) {
    set(unlimited);
    is(held | queueing) ? enqueue(posted) : send(engine().take_gathered(*this), posted);
    clear(unlimited);
  }
  cold_->outbox->set_queued(queued());
}

void StreamOutput::end_output() {
  send_gathered();
  take_posted();
  close_outbox();
  set(no_more);
}

void StreamOutput::send_end_if_sent() {
  if (!is(no_more) || is(end_sent | held | queueing)) return;
  if (StreamFilter* const through = filter()) {
    through->encode_end();
    send_encoded();
    if (is(queueing)) return;
  }
  set(end_sent);
  connection_.send_end();
}

void StreamOutput::close_outbox() {
  if (cold_ && cold_->outbox) cold_->outbox->close();
}

void StreamOutput::close_connection() {
  const bool loses = is(lost) || (cold_ && !cold_->queue.empty()) ||
                     (filter() && !is(held) && !filter()->output().empty());
  // A forked child must not reset the connection of its parent.
  if (connection_.is_open()) connection_.close(*this, loses && !engine().forked());
  if (!cold_) return;
  drop_queue();
}

void StreamOutput::set_limits(const SharedLimits& limits) {
  quota_.replace(limits, queued());
  if (cold_ && cold_->outbox) cold_->outbox->set_limits(this->limits());
}

StreamOutput::Cold& StreamOutput::cold() {
  if (!cold_) cold_ = std::make_unique<Cold>();
  return *cold_;
}

}  // namespace reactor
