#include "samples/udp_time_server/services.hpp"

#include <sys/timex.h>

#include <chrono>
#include <utility>

#include "protocols/sntp.hpp"
#include "protocols/time868.hpp"
#include "reactor/resolver.hpp"
#include "samples/support/failed.hpp"
#include "samples/support/may_answer.hpp"
#include "samples/support/time_text.hpp"

namespace samples {
namespace {

using reactor::Datagram;
using std::chrono::system_clock;
using namespace std::chrono_literals;

std::chrono::sys_seconds now_in_seconds() {
  return std::chrono::floor<std::chrono::seconds>(system_clock::now());
}

// Whether the kernel expects a leap second at the end of this day.
protocols::Leap coming_leap() {
  timex state{};
  switch (adjtimex(&state)) {
    case TIME_INS:
      return protocols::Leap::last_minute_has_61;
    case TIME_DEL:
      return protocols::Leap::last_minute_has_59;
    default:
      return protocols::Leap::none;
  }
}

// A response is short, and nothing else waits for a client.
const reactor::ServerOptions connection_options{.max_queued_bytes = 1024};

// The limit that the protocol sets for a text.
constexpr std::uint64_t max_text_bytes = 512;

}  // namespace

std::uint64_t most_bytes() {
  const std::uint64_t fixed =
      connection_options.most_bytes() + reactor::DatagramOptions().max_queued_bytes;
  return reactor::UdpServerOptions().most_bytes(sizeof(TextSession) + max_text_bytes) +
         reactor::DatagramOptions().max_queued_bytes + 2 * fixed;
}

// ---- Text

TextService::TextService(reactor::Loop& loop, const std::string& endpoint)
    : server_(value_of(reactor::UdpServer<TextSession>::bind(
          loop, endpoint, {},
          [this, &loop](reactor::UdpPeer& peer) { return TextSession(peer, loop, address_); }))),
      file_(server_.address()) {
  address_ = server_.address();
}

void TextSession::on_datagram(const Datagram& datagram) {
  if (!may_answer(datagram.sender, server_) || comes_back(datagram)) return;
  auto answer = answer_time_text(datagram.bytes, now_in_seconds());
  if (!answer) return;
  peer_.send(*answer);
  last_answer_ = std::move(*answer);
  answered_at_ = loop_.now();
}

// True for our own response, sent back by another such server: the two would go on for ever.
bool TextSession::comes_back(const Datagram& datagram) const {
  return datagram.text() == last_answer_ && loop_.now() - answered_at_ < 1s;
}

// ---- SNTP

SntpService::SntpService(reactor::Loop& loop, const std::string& endpoint, std::uint8_t stratum)
    : sockets_(
          value_of(reactor::DatagramSocket::bind_all(loop, endpoint, {.receive_times = true}))),
      file_(address()) {
  for (reactor::DatagramSocket& socket : sockets_) {
    socket.on_received([&socket, stratum](std::span<const Datagram> batch) {
      for (const Datagram& datagram : batch) answer(socket, datagram, stratum);
    });
  }
}

void SntpService::drain() {
  for (reactor::DatagramSocket& socket : sockets_) socket.drain();
}

void SntpService::answer(reactor::DatagramSocket& socket, const Datagram& datagram,
                         std::uint8_t stratum) {
  if (datagram.sender.port() == 0) return;
  const protocols::SntpClock clock{.leap = coming_leap(), .stratum = stratum};
  const auto received = protocols::NtpTime::from_unix(datagram.packet_info->time);
  auto answer = protocols::answer_sntp(datagram.bytes, clock, received);
  if (!answer) return;
  answer->transmit = protocols::NtpTime::from_unix(system_clock::now());
  socket.reply(datagram, answer->encode());
}

// ---- TIME and DAYTIME

FixedService::FixedService(reactor::Loop& loop, const std::string& endpoint, Answer answer)
    : answer_(std::move(answer)) {
  // A port that the kernel chose for one protocol may be in use for the other.
  int tries = endpoint.ends_with(":0") ? 10 : 1;
  while (!listen(loop, endpoint, tries == 1)) --tries;
  for (reactor::DatagramSocket& socket : datagrams_) {
    socket.on_received([this, &socket](std::span<const Datagram> batch) {
      const std::string text = answer_();
      for (const Datagram& datagram : batch) {
        const bool shorter = datagram.bytes.size() < text.size();
        if (shorter && may_answer(datagram.sender, address())) socket.reply(datagram, text);
      }
    });
  }
}

bool FixedService::listen(reactor::Loop& loop, const std::string& endpoint, bool last_try) {
  connections_ = value_of(
      Connections::listen(loop, endpoint, connection_options, [this](reactor::Stream& stream) {
        stream.write(answer_());
        stream.close();
        return Connection{};
      }));
  auto datagrams = reactor::DatagramSocket::bind_all(
      loop, reactor::with_port(endpoint, connections_->address().port()));
  if (datagrams) {
    datagrams_ = std::move(*datagrams);
  } else if (last_try) {
    throw Failed(datagrams.error());
  }
  return datagrams.has_value();
}

void FixedService::drain() {
  connections_->drain();
  for (reactor::DatagramSocket& socket : datagrams_) socket.drain();
}

std::string time_answer() {
  return std::string(protocols::as_text(protocols::encode_time868(now_in_seconds())));
}

std::string daytime_answer() {
  constexpr std::string_view format = "%A, %B %d, %Y %X-%Z\r\n";  // As RFC 867 shows it.
  return answer_time_text(protocols::as_bytes(format), now_in_seconds()).value();
}

}  // namespace samples
