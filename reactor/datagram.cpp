#include "reactor/datagram.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reactor/bind_each.hpp"
#include "reactor/datagram_output.hpp"
#include "reactor/engine.hpp"
#include "reactor/error_queue.hpp"
#include "reactor/platform/datagram_features.hpp"
#include "reactor/platform/sys.hpp"
#include "reactor/resolver.hpp"

namespace reactor::inline v0 {
namespace {

using Bytes = std::span<const std::byte>;

}  // namespace

struct DatagramSocket::State final : DatagramOutput {
  // A received datagram that is copied, so that it outlives the buffers.
  struct Kept {
    explicit Kept(const Datagram& of)
        : bytes(of.bytes.begin(), of.bytes.end()), sender(of.sender), truncated(of.truncated) {
      if (of.packet_info) packet_info = *of.packet_info;
    }
    [[nodiscard]] Datagram datagram() const {
      return {bytes, sender, packet_info ? &*packet_info : nullptr, truncated};
    }

    std::vector<std::byte> bytes;
    Address sender;
    std::optional<PacketInfo> packet_info;
    bool truncated;
  };

  struct Kernel {
    int type;  // SOCK_DGRAM or SOCK_RAW.
    bool is_udp;
    bool has_peer;
  };

  State(Engine& engine, Socket socket, DatagramOptions with, const Address& local, Kernel kernel)
      : DatagramOutput(engine, std::move(socket), local, output_options(with, local, kernel)),
        options(with),
        is_unix(local.family() == Family::unix_socket),
        is_udp(kernel.is_udp),
        connected(kernel.has_peer),
        reports_icmp_errors(!is_unix && (connected || options.icmp_errors)),
        // An error between two datagrams would take the edge of the second one.
        trigger(connected || reports_icmp_errors || !(is_udp || is_unix) ||
                        !engine.has_edge_trigger()
                    ? Trigger::level
                    : Trigger::edge),
        reads_packet_info(options.packet_info || options.receive_times ||
                          (!connected && !is_unix && local.is_unspecified())) {}

  [[nodiscard]] static Options output_options(const DatagramOptions& with, const Address& local,
                                              const Kernel& kernel) {
    const bool is_unix = local.family() == Family::unix_socket;
    return {.connected = kernel.has_peer,
            .reads_error_queue = with.icmp_errors && !is_unix,
            .segmentation_offload = with.segmentation_offload && kernel.is_udp,
            .takes_no_port = kernel.type == SOCK_RAW && local.family() == Family::ipv6,
            .room_is_reported = !is_unix || kernel.has_peer,
            .queue = {with.max_queued_bytes, with.when_full, is_unix && !kernel.has_peer}};
  }

  [[nodiscard]] Result<void> start() {
    if (!is_unix) {
      if (options.segmentation_offload && is_udp)
        (void)socket().set(option::udp_gro, true);  // If it fails, datagrams arrive one by one.
      if (reads_packet_info) {
        if (auto set = socket().set(option::packet_info, true); !set) return set;
      }
      if (options.icmp_errors) {
        if (auto opened = ErrorQueue::open(socket()); !opened) return opened;
      }
    }
    interest = wanted_interest();
    if (options.receive_times) {
      if (auto set = socket().set(option::receive_timestamps, true); !set) return set;
    }
    const int error = engine().watch(*this, socket().fd(), interest, trigger);
    if (error) return Failure(system_error(-error, "watch", address().to_string()));
    watched = true;
    return {};
  }

  // ---- What the engine calls

  void on_ready(unsigned happened) override {
    happened == Happened::readable ? receive() : on_anything_ready(happened);
  }

  [[gnu::noinline]] void on_anything_ready(unsigned happened) {
    if ((happened & Happened::writable) && !backlog().empty() && !call_if(send_waiting())) {
      return;
    }
    if (happened & (Happened::failed | Happened::priority)) errors().take_icmp_errors();
    if (happened & ~Happened::writable) receive();
  }

  void on_iteration() override {
    for (std::size_t left = errors().size(); left > 0 && !engine().interrupted(); --left) {
      const Error error = errors().take_first();
      if (on_error_callback && !engine().call(*this, on_error_callback, error)) return;
    }
    if (engine().interrupted()) return engine().schedule(*this);
    if (backlog().take_retry_due() && !call_if(send_waiting())) return;
    if (backlog().give_up_due() && !give_up_or_go_on()) return;
    if (std::exchange(more_to_receive, false)) receive();
  }

  void unregister() noexcept override {
    // The parent sends what a callback wrote before it forked.
    if (!engine().forked()) send_gathered();
    if (watched) engine().unwatch(*this, socket().fd());
  }

  [[nodiscard]] std::string describe() const override {
    return "datagram socket " + address().to_string();
  }

  // ---- Receiving

  [[nodiscard]] bool receives() const { return on_received_callback && !paused; }

  void receive() {
    if (!receives()) {
      // Otherwise an error would be reported again and again.
      if (trigger == Trigger::level) errors().add_earlier(socket().take_error().code.value());
      return;
    }
    if (!kept.empty()) return deliver_kept();
    const int messages = buffers().received.receive(socket().fd());
    if (messages < 0) return receive_failed(-messages);
    const auto [datagrams, truncated] =
        buffers().received.datagrams(messages, reads_packet_info ? &address() : nullptr);
    counters().received += datagrams.size();
    counters().truncated += truncated;
    // A batch that is not full has emptied the socket; the next iteration serves others first.
    more_to_receive = messages == ReceiveBatch::max_messages && trigger == Trigger::edge;
    if (more_to_receive) engine().schedule(*this);
    (void)engine().call(*this, on_received_callback, datagrams);
  }

  void deliver_later(std::span<const Datagram> rest) {
    for (const Datagram& datagram : rest) kept.emplace_back(datagram);
    receive_soon();
  }

  // Newer datagrams are delivered in the next iteration.
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
    if (number != EINTR) errors().add_earlier(number);
    receive_soon();
  }

  // ---- What waits

  void on_backlog_changed() override { update_interest(); }

  // False when the socket is destroyed.
  [[nodiscard]] bool call_if(bool drained) {
    return !drained || !on_drained_callback || engine().call(*this, on_drained_callback);
  }

  // The timer may be late, for example after the process was stopped, so what has room by now is
  // sent first. False when the socket is destroyed.
  [[nodiscard]] bool give_up_or_go_on() {
    if (!backlog().empty() && !call_if(send_waiting())) return false;
    return call_if(give_up());
  }

  void drain(Duration timeout) {
    paused = true;
    give_up_after(timeout);
  }

  // ---- The rest

  // Registers with the engine what the socket waits for.
  void update_interest() {
    const Interest wanted = wanted_interest();
    if (wanted != interest) {
      interest = wanted;
      engine().rewatch(*this, socket().fd(), interest, trigger);
    }
    keep_loop_running(receives() || !backlog().empty());
  }

  [[nodiscard]] Interest wanted_interest() const {
    // A datagram socket never has priority data, but uv_poll_t reports errors only with an
    // interest.
    Interest wanted = reports_icmp_errors ? Interest::priority : Interest::none;
    if (receives()) wanted = wanted | Interest::readable;
    if (backlog().waits_for_writable()) wanted = wanted | Interest::writable;
    return wanted;
  }

  const DatagramOptions options;
  const bool is_unix;
  const bool is_udp;
  const bool connected;
  const bool reports_icmp_errors;
  const Trigger trigger;
  const bool reads_packet_info;

  bool watched = false;
  bool paused = false;
  bool more_to_receive = false;
  Interest interest = Interest::none;
  std::vector<Kept> kept;

  Callback<void(std::span<const Datagram>)> on_received_callback;
  Callback<void(const Error&)> on_error_callback;
  Callback<void()> on_drained_callback;
};

std::uint64_t DatagramOptions::most_bytes() const {
  constexpr std::uint64_t for_state = 4096;  // With the callbacks, rounded up.
  const std::uint64_t queued = std::min<std::uint64_t>(max_queued_bytes, UINT64_MAX / 4);
  return DatagramBuffers::most_bytes() + for_state + queued;
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

// `alone`: no other socket receives for the same name on the IPv4 side of this address.
Result<Socket> open_bound(const Address& local, const DatagramOptions& options, bool alone) {
  auto socket = open_socket(local.family(), options);
  if (!socket) return socket;
  if (local.family() == Family::ipv6 && !alone) {
    if (auto set = socket->set(option::ipv6_only, true); !set) return Failure(set.error());
  }
  if (auto bound = socket->bind(local); !bound) return Failure(bound.error());
  return socket;
}

int type_of(const Socket& socket) {
  int type = 0;
  socklen_t size = sizeof type;
  sys::getsockopt(socket.fd(), SOL_SOCKET, SO_TYPE, &type, &size);
  return type;
}

// The kernel chooses a name for a unix socket that is bound to this address.
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
  // A sender without a name gets no reply. Only unix sockets can send without one.
  if (peer.family() == Family::unix_socket) {
    if (auto bound = socket->bind(no_unix_name()); !bound) return Failure(bound.error());
  }
  if (auto connected = socket->connect(peer); !connected) return Failure(connected.error());
  return adopt(loop, std::move(*socket), options);
}

Result<DatagramSocket> DatagramSocket::adopt(Loop& loop, Socket socket, DatagramOptions options) {
  auto address = socket.local_address();
  if (!address) return Failure(address.error());
  const int type = type_of(socket);
  if (type != SOCK_DGRAM && type != SOCK_RAW) {
    Error error = system_error(EINVAL, "adopt socket", address->to_string());
    error.hint = "not a datagram socket";
    return Failure(std::move(error));
  }
  // The port of a raw socket's address is the number of its protocol.
  if (type == SOCK_RAW) address->set_port(0);
  const bool is_udp = type == SOCK_DGRAM && platform::is_udp(socket.fd());
  const bool has_peer = socket.peer_address().has_value();
  DatagramSocket adopted(
      new State(loop.engine(), std::move(socket), options, *address, {type, is_udp, has_peer}));
  if (auto started = adopted.state_->start(); !started) return Failure(started.error());
  return adopted;
}

void DatagramSocket::on_received(Callback<void(std::span<const Datagram>)> on_received) {
  state_->replace(state_->on_received_callback, std::move(on_received));
  state_->update_interest();
  if (!state_->kept.empty()) state_->receive_soon();
}

void DatagramSocket::deliver_later(std::span<const Datagram> rest) { state_->deliver_later(rest); }

void DatagramSocket::on_error(Callback<void(const Error&)> on_error) {
  state_->replace(state_->on_error_callback, std::move(on_error));
}

void DatagramSocket::on_drained(Callback<void()> on_drained) {
  state_->replace(state_->on_drained_callback, std::move(on_drained));
}

WriteStatus DatagramSocket::send(const Address& to, Bytes bytes) {
  return state_->send(&to, nullptr, bytes);
}

WriteStatus DatagramSocket::send(const Address& to, std::string_view text) {
  return send(to, std::as_bytes(std::span(text)));
}

WriteStatus DatagramSocket::send(Bytes bytes) { return state_->send(nullptr, nullptr, bytes); }

WriteStatus DatagramSocket::send(std::string_view text) {
  return send(std::as_bytes(std::span(text)));
}

WriteStatus DatagramSocket::reply(const Datagram& datagram, Bytes bytes) {
  return state_->send(state_->connected ? nullptr : &datagram.sender, datagram.packet_info, bytes);
}

WriteStatus DatagramSocket::reply(const Datagram& datagram, std::string_view text) {
  return reply(datagram, std::as_bytes(std::span(text)));
}

void DatagramSocket::pause() {
  state_->paused = true;
  state_->update_interest();
}

void DatagramSocket::resume() {
  state_->paused = false;
  state_->update_interest();
  if (!state_->kept.empty()) state_->receive_soon();
}

void DatagramSocket::drain(Duration timeout) { state_->drain(timeout); }

const Address& DatagramSocket::address() const { return state_->address(); }

const DatagramCounters& DatagramSocket::counters() const { return state_->counters(); }

std::size_t DatagramSocket::queued_bytes() const { return state_->queued_bytes(); }

std::uint64_t DatagramSocket::dropped_by_kernel() const {
  return platform::dropped_by_kernel(state_->socket().fd());
}

Socket& DatagramSocket::socket() {
  state_->before_change();  // The caller may use its descriptor.
  return state_->socket();
}

void DatagramSocket::set_name(std::string_view name) { state_->set_name(std::string(name)); }

}  // namespace reactor
