#include "reactor/datagram_output.hpp"

#include <algorithm>
#include <cerrno>

namespace reactor::inline v0 {
namespace {

// The buffers exist as long as the loop has a datagram socket.
std::shared_ptr<DatagramBuffers> buffers_of(Engine& engine) {
  auto buffers = engine.datagram_buffers.lock();
  if (!buffers) engine.datagram_buffers = buffers = std::make_shared<DatagramBuffers>();
  return buffers;
}

}  // namespace

DatagramOutput::DatagramOutput(Engine& engine, Socket socket, const Address& local,
                               const Options& options)
    : Source(engine, Kind::datagram),
      socket_(std::move(socket)),
      address_(local),
      takes_no_port_(options.takes_no_port),
      is_special_(options.takes_no_port),
      buffers_(buffers_of(engine)),
      errors_(*this, socket_, address_, {options.connected, options.reads_error_queue}),
      sender_(socket_, buffers_->batch, errors_, counters_,
              {options.connected, options.segmentation_offload}),
      backlog_(*this, sender_, errors_, counters_, options.queue, options.room_is_reported) {
  socket_.observe(this);
}

// Sends to an address that must be changed, or while others wait.
[[gnu::noinline]] WriteStatus DatagramOutput::send_special(const Address* to,
                                                           const PacketInfo* from, Bytes bytes) {
  Address without_port;
  if (takes_no_port_ && to) {
    without_port = *to;
    without_port.set_port(0);
    to = &without_port;
  }
  if (to ? backlog_.blocks(to->data(), to->size()) : backlog_.blocks(nullptr, 0)) {
    return enqueue({to ? to->data() : nullptr, to ? to->size() : 0,
                    from ? from->local.data() : nullptr, bytes});
  }
  return send_now(to, from, bytes);
}

[[gnu::noinline]] WriteStatus DatagramOutput::send_at_once() {
  const std::span<Outgoing> outgoing = buffers_->outgoing();
  const std::uint64_t failed = counters_.failed;
  WriteStatus result = WriteStatus::sent;
  if (sender_.transmit(outgoing) == 0) {
    result = enqueue(outgoing[0]);
  } else if (counters_.failed > failed) {
    result = WriteStatus::dropped;
  }
  buffers_->clear_outgoing();
  return result;
}

[[gnu::noinline]] WriteStatus DatagramOutput::too_long(const Address* to) {
  ++counters_.failed;
  errors_.add(system_error(EMSGSIZE, "send", to ? to->to_string() : address_.to_string()));
  return WriteStatus::dropped;
}

void DatagramOutput::send_outgoing() {
  buffers_->owner = nullptr;
  const std::span<Outgoing> outgoing = buffers_->outgoing();
  const bool first = backlog_.empty();
  const std::size_t done = first ? sender_.transmit(outgoing) : 0;
  if (done < outgoing.size()) [[unlikely]]
    send_past_queue(outgoing.subspan(done), first);
  buffers_->clear_outgoing();
}

// Queues the datagrams for which there is no room (the first one if it `is_refused`) and those that
// have to wait behind them; sends those to other receivers.
[[gnu::noinline]] void DatagramOutput::send_past_queue(std::span<Outgoing> rest, bool is_refused) {
  const auto waits = [this](const Outgoing& datagram) {
    return backlog_.blocks(datagram.to, datagram.to_size);
  };
  while (!rest.empty()) {
    if (is_refused || waits(rest[0])) {
      // send() has already returned `sent` for it.
      if (enqueue(rest[0]) == WriteStatus::refused) ++counters_.dropped;
      rest = rest.subspan(1);
      is_refused = false;
      continue;
    }
    const auto end = std::find_if(rest.begin(), rest.end(), waits);
    const auto count = static_cast<std::size_t>(end - rest.begin());
    const std::size_t done = sender_.transmit(rest.first(count));
    rest = rest.subspan(done);
    is_refused = done < count;
  }
}

WriteStatus DatagramOutput::enqueue(const Outgoing& datagram) {
  const WriteStatus result = backlog_.add(datagram);
  backlog_changed();
  return result;
}

void DatagramOutput::backlog_changed() {
  is_special_ = takes_no_port_ || !backlog_.empty();
  backlog_.changed();
  on_backlog_changed();
}

bool DatagramOutput::send_waiting() {
  backlog_.send();
  return take_drained();
}

bool DatagramOutput::take_drained() {
  const bool drained = backlog_.take_drained();
  backlog_changed();
  return drained;
}

bool DatagramOutput::give_up() { return backlog_.give_up() && take_drained(); }

void DatagramOutput::give_up_after(Duration timeout) {
  backlog_.drain(timeout);
  backlog_changed();
}

void DatagramOutput::before_change() {
  send_gathered();
  if (backlog_.empty()) return;
  const auto peer = socket_.peer_address();
  if (!peer) return;
  // A unix socket may soon become writable for its new peer.
  backlog_.keep_receiver(*peer, address_.family() != Family::unix_socket);
  backlog_changed();
}

}  // namespace reactor
