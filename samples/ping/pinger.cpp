#include "samples/ping/pinger.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <bitset>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>

#include "reactor/datagram.hpp"
#include "reactor/resolver.hpp"
#include "reactor/socket.hpp"
#include "reactor/stop_signals.hpp"
#include "reactor/timer.hpp"
#include "samples/ping/icmp.hpp"
#include "samples/ping/statistics.hpp"
#include "samples/support/program.hpp"

namespace ping {
namespace {

using reactor::Address;
using reactor::Family;
using reactor::Socket;
using reactor::SocketType;
using Clock = std::chrono::steady_clock;

std::chrono::nanoseconds duration(double seconds) {
  return std::chrono::nanoseconds(std::llround(seconds * 1e9));
}

// Connecting a datagram socket sends nothing.
bool has_route_to(Address address) {
  address.set_port(9);
  auto socket = Socket::open(address.family(), SocketType::datagram);
  return socket && socket->connect(address);
}

// The first of several addresses to which this host has a route.
Address resolve(const Options& options) {
  const bool is_ipv6 = options.host.find(':') != std::string::npos && options.host.front() != '[';
  const std::string endpoint = is_ipv6 ? "[" + options.host + "]:0" : options.host + ":0";
  std::optional<Family> family;
  if (options.ipv4) family = Family::ipv4;
  if (options.ipv6) family = Family::ipv6;
  const auto addresses = samples::value_of(reactor::resolve_now(endpoint, family));
  const auto reachable = std::find_if(addresses.begin(), addresses.end(), has_route_to);
  return reachable != addresses.end() ? *reachable : addresses.front();
}

// A raw socket; without the right to open one, the kernel's ping socket.
Socket open_socket(Family family, bool unprivileged, bool& is_raw) {
  auto raw = Socket::open(family, SocketType::raw);
  is_raw = raw.has_value() && !unprivileged;
  if (is_raw) return std::move(*raw);
  const int protocol = family == Family::ipv4 ? IPPROTO_ICMP : static_cast<int>(IPPROTO_ICMPV6);
  auto ping = Socket::open(family, SocketType::datagram, protocol);
  if (ping) return std::move(*ping);
  if (raw) throw samples::Failed(ping.error());
  throw samples::Failed(raw.error().message() + "; " + ping.error().message());
}

// 56 bytes of data that identify a reply: another program's data does not have this number, and a
// request of an earlier round of the 65,536 sequence numbers does not have this count.
class Cookie {
 public:
  [[nodiscard]] std::string data(std::uint64_t count) const {
    std::string data(56, '.');
    for (std::size_t i = 0; i < 8; ++i) {
      data[i] = static_cast<char>(secret_ >> 8 * i & 0xFF);
      data[8 + i] = static_cast<char>(count >> 8 * i & 0xFF);
    }
    return data;
  }

 private:
  std::random_device random_;
  const std::uint64_t secret_ = std::uint64_t{random_()} << 32 | random_();
};

class Pinger {
 public:
  Pinger(reactor::Loop& loop, const Options& options)
      : loop_(loop),
        options_(options),
        host_(resolve(options)),
        version_(host_.family() == Family::ipv4 ? icmp::Version::ipv4 : icmp::Version::ipv6),
        socket_(open(loop)),
        timeout_(duration(options.timeout_seconds)) {
    socket_.on_received([this](std::span<const reactor::Datagram> batch) {
      for (const reactor::Datagram& datagram : batch) receive(datagram.bytes);
    });
    socket_.on_error([](const reactor::Error& error) {
      std::fprintf(stderr, "error: %s\n", error.message().c_str());
    });
    std::printf("PING %s (%s) 56 data bytes\n", options.host.c_str(), host_.host().c_str());
    std::fflush(stdout);
    next_.restart_every(duration(options.interval_seconds));
    send();
  }

  void finish() {
    std::printf("\n--- %s ping statistics ---\n%s", options_.host.c_str(),
                statistics_.describe(Clock::now() - began_).c_str());
    std::fflush(stdout);
    loop_.stop();
  }

  [[nodiscard]] bool has_reply() const { return statistics_.received() > 0; }

 private:
  struct Request {
    std::uint64_t count;
    Clock::time_point sent_at;
  };

  // The socket is connected, so that the kernel drops packets of other hosts.
  reactor::DatagramSocket open(reactor::Loop& loop) {
    Socket socket = open_socket(host_.family(), options_.unprivileged, is_raw_);
    (void)samples::value_of(socket.connect(host_));
    return samples::value_of(reactor::DatagramSocket::adopt(loop, std::move(socket)));
  }

  void send() {
    if (options_.count && count_ == *options_.count) return next_.cancel();
    const auto sequence = static_cast<std::uint16_t>(++count_);
    const std::string data = cookie_.data(count_);
    answered_.reset(sequence);
    statistics_.sent();
    waiting_.insert_or_assign(sequence, Request{count_, Clock::now()});
    socket_.send(icmp::encode_request(version_, {identifier_, sequence, data}));
    if (!expire_.running()) expire_.restart(timeout_);
  }

  void receive(protocols::Bytes bytes) {
    std::optional<int> ttl;
    if (is_raw_ && version_ == icmp::Version::ipv4) {
      const auto packet = icmp::decode_ipv4(bytes);
      if (!packet) return;
      ttl = packet->ttl;
      bytes = packet->message;
    }
    const auto reply = icmp::decode_reply(version_, bytes);
    // The kernel chooses the identifier of a ping socket.
    if (!reply || (is_raw_ && reply->identifier != identifier_)) return;
    // The latest request with this sequence number; a reply to another one has other data.
    const std::uint64_t rounds_back = static_cast<std::uint16_t>(count_ - reply->sequence);
    if (rounds_back >= count_ || reply->data != cookie_.data(count_ - rounds_back)) return;
    take(*reply, ttl);
  }

  void take(const icmp::Echo& reply, std::optional<int> ttl) {
    const auto request = waiting_.find(reply.sequence);
    if (request == waiting_.end()) {
      return answered_[reply.sequence] ? statistics_.duplicate() : statistics_.late();
    }
    const auto round_trip = Clock::now() - request->second.sent_at;
    statistics_.received(round_trip);
    answered_.set(reply.sequence);
    waiting_.erase(request);
    const std::string hops = ttl ? " ttl=" + std::to_string(*ttl) : "";
    std::printf("64 bytes from %s: icmp_seq=%u%s time=%.3f ms\n", host_.host().c_str(),
                unsigned{reply.sequence}, hops.c_str(),
                std::chrono::duration<double, std::milli>(round_trip).count());
    std::fflush(stdout);
    finish_after_last();
  }

  // A reply that arrives later does not count.
  void expire() {
    const auto now = Clock::now();
    auto next = timeout_;
    for (auto request = waiting_.begin(); request != waiting_.end();) {
      const auto left = timeout_ - (now - request->second.sent_at);
      if (left.count() > 0) {
        next = std::min(next, left);
        ++request;
        continue;
      }
      std::fprintf(stderr, "no answer: icmp_seq=%u\n", unsigned{request->first});
      request = waiting_.erase(request);
    }
    if (!waiting_.empty()) expire_.restart(next);
    finish_after_last();
  }

  void finish_after_last() {
    if (options_.count && count_ == *options_.count && waiting_.empty()) finish();
  }

  reactor::Loop& loop_;
  const Options& options_;
  const Address host_;
  const icmp::Version version_;
  bool is_raw_ = false;
  reactor::DatagramSocket socket_;
  const std::chrono::nanoseconds timeout_;
  const Cookie cookie_;
  const std::uint16_t identifier_ = static_cast<std::uint16_t>(std::random_device()());
  const Clock::time_point began_ = Clock::now();
  std::uint64_t count_ = 0;
  std::map<std::uint16_t, Request> waiting_;
  std::bitset<65536> answered_;
  icmp::Statistics statistics_;
  reactor::Timer next_{loop_, [this] { send(); }};
  reactor::Timer expire_{loop_, [this] { expire(); }};
};

}  // namespace

bool run(const Options& options) {
  reactor::Loop loop;
  std::optional<Pinger> pinger;
  const auto stop =
      samples::value_of(reactor::StopSignals::create(loop, [&pinger] { pinger->finish(); }));
  pinger.emplace(loop, options);
  loop.run();
  return pinger->has_reply();
}

}  // namespace ping
