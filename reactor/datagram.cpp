#include "reactor/datagram.hpp"

#include <linux/errqueue.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reactor/bind_each.hpp"
#include "reactor/datagram_buffers.hpp"
#include "reactor/datagram_queue.hpp"
#include "reactor/engine.hpp"
#include "reactor/resolver.hpp"
#include "reactor/sys.hpp"
#include "reactor/timer.hpp"

namespace reactor {
namespace {

using Bytes = std::span<const std::byte>;

// What one coalesced message may hold: UDP_MAX_SEGMENTS of older kernels, and the longest UDP
// payload over IPv6 (65,535 bytes with both headers).
constexpr std::size_t max_segments = 64;
constexpr std::size_t max_coalesced_bytes = 65'535 - 40 - 8;

// Some queues that are full tell nobody when they no longer are: they are tried again, less and
// less often while none of them takes anything.
constexpr std::chrono::milliseconds first_retry_after(1);
constexpr std::chrono::milliseconds last_retry_after(32);

constexpr std::size_t max_pending_errors = 16;

// What the kernel says to a coalesced message whose datagrams it may well take one by one.
bool means_not_coalesced(int number) {
  return number == EIO || number == EINVAL || number == EMSGSIZE || number == EOPNOTSUPP;
}

bool same_place(const Outgoing& left, const Outgoing& right) {
  if (left.to == right.to) return true;
  if (!left.to || !right.to || left.to_size != right.to_size) return false;
  // Most differ in their ports.
  static_assert(offsetof(sockaddr_in, sin_port) == 2 && offsetof(sockaddr_in6, sin6_port) == 2);
  std::uint32_t family_and_port[2] = {};
  if (left.to_size >= sizeof(sockaddr_in)) {
    std::memcpy(&family_and_port[0], left.to, 4);
    std::memcpy(&family_and_port[1], right.to, 4);
  }
  return family_and_port[0] == family_and_port[1] &&
         std::memcmp(left.to, right.to, left.to_size) == 0;
}

bool same_source(const Outgoing& left, const Outgoing& right) {
  return left.from == right.from ||
         (left.from && right.from && left.from->sa_family == right.from->sa_family &&
          std::memcmp(left.from, right.from, size_of(*left.from)) == 0);
}

template <class T>
void append_control(msghdr& message, int level, int type, const T& value) {
  auto* const control = reinterpret_cast<cmsghdr*>(static_cast<std::byte*>(message.msg_control) +
                                                   message.msg_controllen);
  control->cmsg_level = level;
  control->cmsg_type = type;
  control->cmsg_len = CMSG_LEN(sizeof value);
  std::memcpy(CMSG_DATA(control), &value, sizeof value);
  message.msg_controllen += CMSG_SPACE(sizeof value);
}

// An unspecified address leaves the choice to the route.
[[gnu::noinline]] void append_source(msghdr& message, const sockaddr& from) {
  if (from.sa_family == AF_INET) {
    in_pktinfo info{};
    info.ipi_spec_dst = reinterpret_cast<const sockaddr_in&>(from).sin_addr;
    if (info.ipi_spec_dst.s_addr != 0) append_control(message, IPPROTO_IP, IP_PKTINFO, info);
  } else {
    const auto& local = reinterpret_cast<const sockaddr_in6&>(from);
    const in6_pktinfo info{.ipi6_addr = local.sin6_addr, .ipi6_ifindex = local.sin6_scope_id};
    if (IN6_IS_ADDR_UNSPECIFIED(&info.ipi6_addr)) return;
    append_control(message, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

// IPv4 peers of an IPv6 socket have an error queue of their own to ask for.
constexpr SocketOption<bool> mapped_error_queue{"error_queue", IPPROTO_IP, IP_RECVERR};

// What an error queue says of a datagram, as an errno; 0 where its sender has been told already.
int refusal_in(msghdr& message) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&message); control;
       control = CMSG_NXTHDR(&message, control)) {
    const bool ipv4 = control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_RECVERR;
    const bool ipv6 = control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_RECVERR;
    if (!ipv4 && !ipv6) continue;
    sock_extended_err error;
    std::memcpy(&error, CMSG_DATA(control), sizeof error);
    return error.ee_origin == SO_EE_ORIGIN_LOCAL ? 0 : static_cast<int>(error.ee_errno);
  }
  return 0;
}

// The buffers are there for as long as the loop has a datagram socket.
std::shared_ptr<DatagramBuffers> buffers_of(Engine& engine) {
  auto buffers = engine.datagram_buffers.lock();
  if (!buffers) engine.datagram_buffers = buffers = std::make_shared<DatagramBuffers>();
  return buffers;
}

}  // namespace

struct DatagramSocket::State final : Source, SocketObserver {
  // A datagram that was received, and outlives the buffers.
  struct Kept {
    explicit Kept(const Datagram& of)
        : bytes(of.bytes.begin(), of.bytes.end()), sender(of.sender), truncated(of.truncated) {
      if (of.arrival) arrival = *of.arrival;
    }
    [[nodiscard]] Datagram datagram() const {
      return {bytes, sender, arrival ? &*arrival : nullptr, truncated};
    }

    std::vector<std::byte> bytes;
    Address sender;
    std::optional<Arrival> arrival;
    bool truncated;
  };

  struct Kernel {
    int type;      // SOCK_DGRAM or SOCK_RAW.
    int protocol;  // 0 for a unix socket.
    bool has_peer;
  };

  State(Engine& engine, Socket owned, DatagramOptions with, const Address& local, Kernel kernel)
      : Source(engine, Kind::datagram),
        socket(std::move(owned)),
        options(with),
        address(local),
        is_unix(address.family() == Family::unix_socket),
        is_udp(kernel.type == SOCK_DGRAM && kernel.protocol == IPPROTO_UDP),
        takes_no_port(kernel.type == SOCK_RAW && address.family() == Family::ipv6),
        connected(kernel.has_peer),
        hears_refusals(!is_unix && (connected || options.refusals)),
        // It can fail between two datagrams, and then gives no edge for the second.
        trigger(connected || hears_refusals || !(is_udp || is_unix) || !Poller::has_edge_trigger
                    ? Trigger::level
                    : Trigger::edge),
        tells_arrivals(options.arrivals || options.receive_times ||
                       (!connected && !is_unix && address.is_unspecified())),
        coalesce_limit(options.coalesce && is_udp ? max_coalesced_bytes : 0),
        buffers(buffers_of(engine)),
        room_is_told(!is_unix || connected),
        queue({options.max_queued_bytes, options.when_full, is_unix && !connected}, counters),
        is_special(takes_no_port) {
    socket.observe(this);
  }

  [[nodiscard]] Result<void> start() {
    if (!is_unix) {
      if (coalesce_limit > 0) (void)socket.set(option::udp_gro, true);  // Or else one by one.
      if (tells_arrivals) {
        if (auto set = socket.set(option::packet_info, true); !set) return set;
      }
      if (options.refusals) {
        if (auto set = socket.set(option::error_queue, true); !set) return set;
        if (auto set = socket.set(mapped_error_queue, true); !set) return set;
      }
    }
    interest = wanted_interest();
    if (options.receive_times) {
      if (auto set = socket.set(option::receive_timestamps, true); !set) return set;
    }
    const int error = engine().watch(*this, socket.fd(), interest, trigger);
    if (error) return Failure(system_error(-error, "watch", address.to_string()));
    watched = true;
    return {};
  }

  // ---- What the engine calls

  void on_ready(unsigned happened) override {
    if ((happened & Happened::writable) && !queue.empty() && !send_queue()) return;
    if (happened & (Happened::failed | Happened::priority)) take_refusals();
    if (happened & ~Happened::writable) receive();
  }

  void on_turn() override {
    for (std::size_t left = pending_errors.size(); left > 0 && !engine().interrupted(); --left) {
      const Error told = std::move(pending_errors.front());
      pending_errors.erase(pending_errors.begin());
      if (on_error_callback && !engine().call(*this, on_error_callback, told)) return;
    }
    if (engine().interrupted()) return engine().schedule(*this);
    if (std::exchange(retry_due, false) && !queue.empty() && !send_queue()) return;
    if (give_up_due && !give_up_or_go_on()) return;
    if (std::exchange(more_to_receive, false)) receive();
  }

  void on_gathered(Bytes) override {
    if (buffers->owner == this) send_outgoing();
  }

  void unregister() noexcept override {
    // What a callback wrote before it forked is sent by the parent.
    if (buffers->owner == this && !engine().forked()) send_outgoing();
    if (watched) engine().unwatch(*this, socket.fd());
  }

  [[nodiscard]] std::string describe() const override {
    return "datagram socket " + address.to_string();
  }

  // ---- Receiving

  [[nodiscard]] bool receives() const { return on_received_callback && !paused; }

  void receive() {
    if (!receives()) {
      // An error would be reported again and again.
      if (trigger == Trigger::level) note_refusal(socket.take_error().code.value());
      return;
    }
    if (!kept.empty()) return deliver_kept();
    const int messages = buffers->receive(socket.fd());
    if (messages < 0) return receive_failed(-messages);
    const auto [datagrams, truncated] =
        buffers->datagrams(messages, tells_arrivals ? &address : nullptr);
    counters.received += datagrams.size();
    counters.truncated += truncated;
    // A batch that is not full has emptied the socket; the next turn serves others first.
    more_to_receive = messages == DatagramBuffers::batch && trigger == Trigger::edge;
    if (more_to_receive) engine().schedule(*this);
    (void)engine().call(*this, on_received_callback, datagrams);
  }

  void deliver_later(std::span<const Datagram> rest) {
    for (const Datagram& datagram : rest) kept.emplace_back(datagram);
    receive_soon();
  }

  // What there is of newer ones comes in the next iteration.
  void deliver_kept() {
    const std::vector<Kept> batch = std::exchange(kept, {});
    std::vector<Datagram> datagrams;
    datagrams.reserve(batch.size());
    for (const Kept& datagram : batch) datagrams.push_back(datagram.datagram());
    receive_soon();
    (void)engine().call(*this, on_received_callback, std::span<const Datagram>(datagrams));
  }

  void receive_soon() {
    more_to_receive = true;
    engine().schedule(*this);
  }

  void receive_failed(int number) {
    if (number == EAGAIN) return;
    if (number != EINTR) note_refusal(number);
    receive_soon();
  }

  // ---- Refusals

  // Reads what the error queue has to say of datagrams sent before; false when that is nothing.
  bool take_refusals() {
    if (!options.refusals || is_unix) return false;
    constexpr unsigned most = 16;  // What is left is reported again.
    struct Control {
      alignas(cmsghdr) std::byte bytes[256];
    };
    std::array<Address, most> receivers;
    std::array<Control, most> controls;
    std::array<mmsghdr, most> messages{};
    for (unsigned i = 0; i < most; ++i) {
      msghdr& message = messages[i].msg_hdr;
      message.msg_name = receivers[i].data();
      message.msg_namelen = Address::capacity();
      message.msg_control = &controls[i];
      message.msg_controllen = sizeof(Control);
    }
    const int count = sys::recvmmsg(socket.fd(), messages.data(), most, MSG_ERRQUEUE);
    for (int i = 0; i < count; ++i) {
      const auto index = static_cast<std::size_t>(i);
      receivers[index].resize(messages[index].msg_hdr.msg_namelen);
      const int number = refusal_in(messages[index].msg_hdr);
      if (number != 0) note(system_error(number, "send", receivers[index].unmapped().to_string()));
    }
    return count > 0;
  }

  // What a call returned that has to do with an earlier datagram.
  void note_refusal(int number) {
    if (number == 0 || take_refusals()) return;
    if (connected) return note(system_error(number, "send", peer_text()));
    note(system_error(number, "receive on", address.to_string()));
  }

  // ---- Sending

  Sent send(const Address* to, const Arrival* from, Bytes bytes) {
    if (is_special) [[unlikely]]
      return send_special(to, from, bytes);
    return send_now(to, from, bytes);
  }

  // To an address that has to be changed, or while others wait.
  [[gnu::noinline]] Sent send_special(const Address* to, const Arrival* from, Bytes bytes) {
    Address without_port;
    if (takes_no_port && to) {
      without_port = *to;
      without_port.set_port(0);
      to = &without_port;
    }
    if (to ? queue.blocks(to->data(), to->size()) : queue.blocks(nullptr, 0)) {
      return enqueue({to ? to->data() : nullptr, to ? to->size() : 0,
                      from ? from->local.data() : nullptr, bytes});
    }
    return send_now(to, from, bytes);
  }

  [[gnu::always_inline]] Sent send_now(const Address* to, const Arrival* from, Bytes bytes) {
    if (buffers->owner == this) {
      if (buffers->add(to, from, bytes)) return Sent::sent;
      send_outgoing();
      if (is_special) return send_special(to, from, bytes);  // It may have to wait now.
    }
    const bool gathering = engine().gather_itself(*this);  // False when no callback is running.
    if (!buffers->add(to, from, bytes)) return too_long(to);
    if (!gathering) return send_at_once();
    buffers->owner = this;
    return Sent::sent;
  }

  [[gnu::noinline]] Sent send_at_once() {
    const std::span<Outgoing> outgoing = buffers->outgoing();
    const std::uint64_t failed = counters.failed;
    Sent result = Sent::sent;
    if (transmit(outgoing) == 0) {
      result = enqueue(outgoing[0]);
    } else if (counters.failed > failed) {
      result = Sent::dropped;
    }
    buffers->clear_outgoing();
    return result;
  }

  [[gnu::noinline]] Sent too_long(const Address* to) {
    ++counters.failed;
    note(system_error(EMSGSIZE, "send", to ? to->to_string() : address.to_string()));
    return Sent::dropped;
  }

  void send_outgoing() {
    buffers->owner = nullptr;
    const std::span<Outgoing> outgoing = buffers->outgoing();
    const bool first = queue.empty();
    const std::size_t done = first ? transmit(outgoing) : 0;
    if (done < outgoing.size()) [[unlikely]]
      send_past_queue(outgoing.subspan(done), first);
    buffers->clear_outgoing();
  }

  // Adds to the queue what has no room, the first if it `is_refused`, and what has to wait behind
  // that; sends what is for others.
  [[gnu::noinline]] void send_past_queue(std::span<Outgoing> rest, bool is_refused) {
    const auto waits = [this](const Outgoing& datagram) {
      return queue.blocks(datagram.to, datagram.to_size);
    };
    while (!rest.empty()) {
      if (is_refused || waits(rest[0])) {
        // The caller was told that it is sent.
        if (enqueue(rest[0]) == Sent::full) ++counters.dropped;
        rest = rest.subspan(1);
        is_refused = false;
        continue;
      }
      const auto end = std::find_if(rest.begin(), rest.end(), waits);
      const auto count = static_cast<std::size_t>(end - rest.begin());
      const std::size_t done = transmit(rest.first(count));
      rest = rest.subspan(done);
      is_refused = done < count;
    }
  }

  // Sends until the kernel has no room; the number of datagrams that are dealt with.
  std::size_t transmit(std::span<Outgoing> outgoing) {
    std::size_t done = 0;
    std::size_t one_by_one_until = 0;  // After a coalesced message was refused.
    std::size_t limit_then = 0;  // What that teaches, if its datagrams are taken by themselves.
    std::size_t repeated = outgoing.size();
    out_of_buffers = false;
    while (done < outgoing.size()) {
      const auto [count, datagrams] = build_messages(outgoing, done, one_by_one_until);
      const int taken = send_messages(count);
      if (taken == static_cast<int>(count) && done >= one_by_one_until) {
        counters.sent += datagrams;
        done += datagrams;
        continue;
      }
      if (taken > 0) {
        for (unsigned i = 0; i < static_cast<unsigned>(taken); ++i) {
          if (done < one_by_one_until) coalesce_limit = std::min(coalesce_limit, limit_then);
          counters.sent += buffers->lengths[i];
          done += buffers->lengths[i];
        }
        continue;
      }
      out_of_buffers = taken == -ENOBUFS;
      if (taken == -EAGAIN || out_of_buffers) break;
      if (taken == -EINTR) continue;
      Outgoing& first = outgoing[done];
      const std::size_t length = buffers->lengths[0];
      if (length > 1 && means_not_coalesced(-taken)) {
        // Datagrams longer than the link takes whole are cut when sent one by one, never when
        // coalesced; and some links, which say EIO, cannot be given coalesced ones at all.
        one_by_one_until = done + length;
        limit_then = taken == -EINVAL || taken == -EMSGSIZE ? first.bytes.size() - 1 : 0;
      } else if (first.from && taken == -EINVAL) {
        // An address that has been taken from the interface since, or a broadcast address.
        for (Outgoing& datagram : outgoing.subspan(done, length)) datagram.from = nullptr;
      } else if (take_refusals()) {
        // Earlier datagrams': the kernel tells one instead of taking the next.
      } else if (connected && repeated != done) {
        note_refusal(-taken);
        repeated = done;
      } else {
        note(system_error(-taken, "send", receiver_text(first)));
        counters.failed += length;
        done += length;
      }
    }
    return done;
  }

  int send_messages(unsigned count) {
    if (count > 1) return sys::sendmmsg(socket.fd(), buffers->messages.data(), count, 0);
    const ssize_t sent = sys::sendmsg(socket.fd(), &buffers->messages[0].msg_hdr, 0);
    return sent < 0 ? static_cast<int>(sent) : 1;
  }

  struct Built {
    unsigned messages;
    std::size_t datagrams;
  };
  Built build_messages(std::span<const Outgoing> outgoing, std::size_t begin,
                       std::size_t one_by_one_until) {
    unsigned count = 0;
    std::size_t end = begin;
    while (end < outgoing.size() && count < DatagramBuffers::batch) {
      const auto rest = outgoing.subspan(end);
      const std::size_t length = end < one_by_one_until ? 1 : coalescable(rest);
      build_message(count, rest.first(length), end);
      buffers->lengths[count++] = length;
      end += length;
    }
    return {count, end - begin};
  }

  // How many of these the kernel can take as one: equal in length, but for a shorter last one.
  [[nodiscard]] std::size_t coalescable(std::span<const Outgoing> outgoing) const {
    const Outgoing& first = outgoing[0];
    const std::size_t segment = first.bytes.size();
    if (segment == 0 || segment > coalesce_limit) return 1;
    const std::size_t most = std::min(outgoing.size(), max_segments);
    std::size_t length = 1;
    std::size_t bytes = segment;
    while (length < most) {
      const Outgoing& next = outgoing[length];
      bytes += next.bytes.size();
      // An empty one would vanish in it.
      if (next.bytes.empty() || next.bytes.size() > segment || bytes > max_coalesced_bytes ||
          !same_place(first, next) || !same_source(first, next)) {
        break;
      }
      ++length;
      if (next.bytes.size() < segment) break;
    }
    return length;
  }

  void build_message(unsigned index, std::span<const Outgoing> datagrams, std::size_t first_part) {
    const Outgoing& first = datagrams[0];
    iovec* const parts = &buffers->parts[first_part];
    for (std::size_t i = 0; i < datagrams.size(); ++i) {
      parts[i] = {const_cast<std::byte*>(datagrams[i].bytes.data()), datagrams[i].bytes.size()};
    }
    msghdr& message = buffers->messages[index].msg_hdr;
    message.msg_name = const_cast<sockaddr*>(first.to);
    message.msg_namelen = first.to_size;
    message.msg_iov = parts;
    message.msg_iovlen = datagrams.size();
    message.msg_control = &buffers->controls[index];
    message.msg_controllen = 0;
    if (first.from) append_source(message, *first.from);
    if (datagrams.size() > 1) {
      append_control(message, SOL_UDP, UDP_SEGMENT, static_cast<std::uint16_t>(first.bytes.size()));
    }
    if (message.msg_controllen == 0) message.msg_control = nullptr;
  }

  // ---- The queue

  Sent enqueue(const Outgoing& datagram) {
    const std::size_t receivers = queue.receivers();
    const Sent result = queue.add(datagram);
    if (queue.receivers() > receivers) retry_soon();
    queue_changed();
    return result;
  }

  void queue_changed() {
    is_special = takes_no_port || !queue.empty();
    if (!queue.empty()) {
      wait_for_room();
    } else if (retry) {
      retry->cancel();
    }
    if (give_up) limit_time();
    settle();
  }

  void limit_time() {
    if (queue.empty()) {
      give_up->cancel();
    } else if (!give_up->running() && !give_up_due) {
      give_up->restart(drain_timeout);
    }
  }

  // False when the socket is gone.
  [[nodiscard]] bool send_queue() {
    const bool progress = queue.send([this](std::span<Outgoing> some) { return transmit(some); });
    retry_after = progress ? first_retry_after : std::min(2 * retry_after, last_retry_after);
    if (progress && give_up) give_up->restart(drain_timeout);
    return room_was_made();
  }

  // False when the socket is gone.
  [[nodiscard]] bool room_was_made() {
    const bool drained = queue.take_drained();
    queue_changed();
    return !drained || !on_drained_callback || engine().call(*this, on_drained_callback);
  }

  // The timer may be late, as after the process was stopped: what has room by now is sent first.
  // False when the socket is gone.
  [[nodiscard]] bool give_up_or_go_on() {
    if (!queue.empty() && !send_queue()) return false;
    const bool gives_up = std::exchange(give_up_due, false) && !give_up->running();
    if (!gives_up || queue.empty()) return true;
    queue.discard([this](const Outgoing& first) {
      note(system_error(ETIMEDOUT, "send", receiver_text(first)));
    });
    return room_was_made();
  }

  void drain(Duration timeout) {
    drain_timeout = timeout;
    paused = true;
    give_up_due = false;
    give_up.emplace(engine().loop(), [this] {
      give_up_due = true;
      engine().schedule(*this);
    });
    queue_changed();
  }

  // For one receiver more; others may have been waiting for long.
  void retry_soon() {
    retry_after = first_retry_after;
    if (retry) retry->cancel();
  }

  // Neither a unix peer that is not connected nor a network device tells that its queue has room.
  [[nodiscard]] bool waits_for_writable() const { return room_is_told && !out_of_buffers; }

  void wait_for_room() {
    if (waits_for_writable()) return;
    if (!retry) {
      retry.emplace(engine().loop(), [this] {
        retry_due = true;
        engine().schedule(*this);
      });
    }
    if (!retry->running()) retry->restart(retry_after);
  }

  // Each datagram is sent as the socket was when send() was called. One that the kernel has had no
  // room for keeps its receiver, no more.
  void before_change() override {
    if (buffers->owner == this) send_outgoing();
    if (queue.empty()) return;
    const auto peer = socket.peer_address();
    if (!peer) return;
    queue.set_receiver(*peer);
    // The socket may soon be writable to another.
    if (is_unix) room_is_told = false;
    queue_changed();
  }

  // ---- The rest

  // Tells the engine what is waited for.
  void settle() {
    const Interest wanted = wanted_interest();
    if (wanted != interest) {
      interest = wanted;
      engine().rewatch(*this, socket.fd(), interest, trigger);
    }
    keep_loop_running(receives() || !queue.empty());
  }

  [[nodiscard]] Interest wanted_interest() const {
    // Nothing of priority comes on a datagram socket: uv_poll_t needs a reason to tell of errors.
    Interest wanted = hears_refusals ? Interest::priority : Interest::none;
    if (receives()) wanted = wanted | Interest::readable;
    if (!queue.empty() && waits_for_writable()) wanted = wanted | Interest::writable;
    return wanted;
  }

  void note(Error what) {
    const auto same = [&what](const Error& other) {
      return other.code == what.code && other.subject == what.subject;
    };
    if (pending_errors.size() == max_pending_errors ||
        std::any_of(pending_errors.begin(), pending_errors.end(), same)) {
      return;
    }
    pending_errors.push_back(std::move(what));
    engine().schedule(*this);
  }

  [[nodiscard]] std::string receiver_text(const Outgoing& datagram) const {
    if (datagram.to) return Address::from(datagram.to, datagram.to_size).to_string();
    return peer_text();
  }

  [[nodiscard]] std::string peer_text() const {
    auto peer = socket.peer_address();
    return peer ? peer->to_string() : address.to_string();
  }

  Socket socket;
  const DatagramOptions options;
  const Address address;
  const bool is_unix;
  const bool is_udp;
  const bool takes_no_port;  // Raw IPv6 refuses to send to an address with one.
  const bool connected;
  const bool hears_refusals;
  const Trigger trigger;
  const bool tells_arrivals;
  std::size_t coalesce_limit;  // Longer datagrams are sent one by one.
  const std::shared_ptr<DatagramBuffers> buffers;

  bool watched = false;
  bool paused = false;
  bool more_to_receive = false;
  bool retry_due = false;
  bool out_of_buffers = false;  // Sending has stopped for want of them.
  Interest interest = Interest::none;
  std::vector<Kept> kept;
  std::vector<Error> pending_errors;  // Until on_error tells.
  std::chrono::milliseconds retry_after = first_retry_after;
  std::optional<Timer> retry;
  Duration drain_timeout{};
  std::optional<Timer> give_up;  // Once draining.
  bool give_up_due = false;
  DatagramCounters counters;
  bool room_is_told;  // By `writable`.
  DatagramQueue queue;
  bool is_special;  // See send().

  Callback<void(std::span<const Datagram>)> on_received_callback;
  Callback<void(const Error&)> on_error_callback;
  Callback<void()> on_drained_callback;
};

std::uint64_t DatagramOptions::most_bytes() const {
  constexpr std::uint64_t for_state = 4096;  // With the callbacks, rounded up.
  const std::uint64_t queued = std::min<std::uint64_t>(max_queued_bytes, UINT64_MAX / 4);
  return DatagramBuffers::most_bytes() + for_state + queued;
}

DatagramCounters& DatagramCounters::operator+=(const DatagramCounters& other) {
  received += other.received;
  truncated += other.truncated;
  sent += other.sent;
  dropped += other.dropped;
  failed += other.failed;
  return *this;
}

namespace {

Result<Socket> open_socket(Family family, const DatagramOptions& options) {
  auto socket = Socket::open(family, SocketType::datagram);
  if (!socket) return socket;
  const std::pair<const SocketOption<bool>&, bool> wanted[] = {
      {option::reuse_address, options.reuse_address},
      {option::reuse_port, options.reuse_port},
      {option::broadcast, options.broadcast},
  };
  for (const auto& [option, value] : wanted) {
    if (!value) continue;
    if (auto set = socket->set(option, true); !set) return Failure(set.error());
  }
  return socket;
}

// `alone`: no other socket receives for the same name, on the IPv4 side of this address.
Result<Socket> open_bound(const Address& local, const DatagramOptions& options, bool alone) {
  auto socket = open_socket(local.family(), options);
  if (!socket) return socket;
  if (local.family() == Family::ipv6 && !alone) {
    if (auto set = socket->set(option::ipv6_only, true); !set) return Failure(set.error());
  }
  if (auto bound = socket->bind(local); !bound) return Failure(bound.error());
  return socket;
}

int socket_property(const Socket& socket, int number) {
  int value = 0;
  socklen_t size = sizeof value;
  sys::getsockopt(socket.fd(), SOL_SOCKET, number, &value, &size);
  return value;
}

// Bound to it, a unix socket is given a name by the kernel.
Address no_unix_name() {
  const sockaddr unnamed{.sa_family = AF_UNIX, .sa_data = {}};
  return Address::from(&unnamed, sizeof unnamed.sa_family);
}

}  // namespace

Result<DatagramSocket> DatagramSocket::bind(Loop& loop, const Address& local,
                                            DatagramOptions options) {
  auto socket = open_bound(local, options, true);
  if (!socket) return Failure(socket.error());
  return adopt(loop, std::move(*socket), options);
}

Result<DatagramSocket> DatagramSocket::bind(Loop& loop, std::string_view local,
                                            DatagramOptions options) {
  const auto address = Address::parse(local);
  if (!address) return Failure(address.error());
  return bind(loop, *address, options);
}

Result<std::vector<DatagramSocket>> DatagramSocket::bind_all(Loop& loop, std::string_view endpoint,
                                                             DatagramOptions options) {
  const auto addresses = resolve_now(endpoint);
  if (!addresses) return Failure(addresses.error());
  auto bound = bind_each(*addresses, [&options](const Address& local, bool alone) {
    return open_bound(local, options, alone);
  });
  if (!bound) return Failure(bound.error());
  std::vector<DatagramSocket> sockets;
  for (Socket& socket : *bound) {
    auto adopted = adopt(loop, std::move(socket), options);
    if (!adopted) return Failure(adopted.error());
    sockets.push_back(std::move(*adopted));
  }
  return sockets;
}

Result<DatagramSocket> DatagramSocket::connect(Loop& loop, const Address& peer,
                                               DatagramOptions options) {
  auto socket = open_socket(peer.family(), options);
  if (!socket) return Failure(socket.error());
  // Who has no name gets no answer. Only unix sockets are sent from without one.
  if (peer.family() == Family::unix_socket) {
    if (auto bound = socket->bind(no_unix_name()); !bound) return Failure(bound.error());
  }
  if (auto connected = socket->connect(peer); !connected) return Failure(connected.error());
  return adopt(loop, std::move(*socket), options);
}

Result<DatagramSocket> DatagramSocket::adopt(Loop& loop, Socket socket, DatagramOptions options) {
  auto address = socket.local_address();
  if (!address) return Failure(address.error());
  const int type = socket_property(socket, SO_TYPE);
  const int protocol = socket_property(socket, SO_PROTOCOL);
  if (type != SOCK_DGRAM && type != SOCK_RAW) {
    Error error = system_error(EINVAL, "adopt socket", address->to_string());
    error.hint = "not a datagram socket";
    return Failure(std::move(error));
  }
  // What a raw socket has for a port is the number of its protocol.
  if (type == SOCK_RAW) address->set_port(0);
  const bool has_peer = socket.peer_address().has_value();
  DatagramSocket adopted(
      new State(loop.engine(), std::move(socket), options, *address, {type, protocol, has_peer}));
  if (auto started = adopted.state_->start(); !started) return Failure(started.error());
  return adopted;
}

void DatagramSocket::on_received(Callback<void(std::span<const Datagram>)> on_received) {
  state_->replace(state_->on_received_callback, std::move(on_received));
  state_->settle();
  if (!state_->kept.empty()) state_->receive_soon();
}

void DatagramSocket::deliver_later(std::span<const Datagram> rest) { state_->deliver_later(rest); }

void DatagramSocket::on_error(Callback<void(const Error&)> on_error) {
  state_->replace(state_->on_error_callback, std::move(on_error));
}

void DatagramSocket::on_drained(Callback<void()> on_drained) {
  state_->replace(state_->on_drained_callback, std::move(on_drained));
}

Sent DatagramSocket::send(const Address& to, Bytes bytes) {
  return state_->send(&to, nullptr, bytes);
}

Sent DatagramSocket::send(const Address& to, std::string_view text) {
  return send(to, std::as_bytes(std::span(text)));
}

Sent DatagramSocket::send(Bytes bytes) { return state_->send(nullptr, nullptr, bytes); }

Sent DatagramSocket::send(std::string_view text) { return send(std::as_bytes(std::span(text))); }

Sent DatagramSocket::reply(const Datagram& datagram, Bytes bytes) {
  return state_->send(state_->connected ? nullptr : &datagram.sender, datagram.arrival, bytes);
}

Sent DatagramSocket::reply(const Datagram& datagram, std::string_view text) {
  return reply(datagram, std::as_bytes(std::span(text)));
}

void DatagramSocket::pause() {
  state_->paused = true;
  state_->settle();
}

void DatagramSocket::resume() {
  state_->paused = false;
  state_->settle();
  if (!state_->kept.empty()) state_->receive_soon();
}

void DatagramSocket::drain(Duration timeout) { state_->drain(timeout); }

const Address& DatagramSocket::address() const { return state_->address; }

const DatagramCounters& DatagramSocket::counters() const { return state_->counters; }

std::size_t DatagramSocket::queued_bytes() const { return state_->queue.bytes(); }

std::uint64_t DatagramSocket::dropped_by_kernel() const {
  std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
  socklen_t size = sizeof memory;
  sys::getsockopt(state_->socket.fd(), SOL_SOCKET, SO_MEMINFO, memory.data(), &size);
  return memory[SK_MEMINFO_DROPS];
}

Socket& DatagramSocket::socket() {
  state_->before_change();  // The caller may use its descriptor.
  return state_->socket;
}

}  // namespace reactor
