// The services of the time server: text by format, SNTP, and the old protocols TIME and DAYTIME.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "reactor/datagram.hpp"
#include "reactor/server.hpp"
#include "reactor/udp_server.hpp"
#include "samples/support/socket_file.hpp"

namespace samples {

/// Responds to a format of strftime with the time.
class TextSession {
 public:
  TextSession(reactor::UdpPeer& peer, reactor::Loop& loop, const reactor::Address& server)
      : peer_(peer), loop_(loop), server_(server) {}

  void on_datagram(const reactor::Datagram& datagram);

 private:
  [[nodiscard]] bool comes_back(const reactor::Datagram& datagram) const;

  reactor::UdpPeer& peer_;
  reactor::Loop& loop_;
  const reactor::Address server_;
  std::string last_answer_;
  reactor::Loop::Clock::time_point answered_at_;
};

class TextService {
 public:
  TextService(reactor::Loop& loop, const std::string& endpoint);

  const reactor::Address& address() const { return server_.address(); }
  void drain() { server_.drain(); }

 private:
  reactor::Address address_;
  reactor::UdpServer<TextSession> server_;
  const SocketFile file_;
};

/// RFC 5905 section 14, for a clock that another program keeps right.
class SntpService {
 public:
  SntpService(reactor::Loop& loop, const std::string& endpoint, std::uint8_t stratum);

  const reactor::Address& address() const { return sockets_.front().address(); }
  void drain();

 private:
  static void answer(reactor::DatagramSocket& socket, const reactor::Datagram& datagram,
                     std::uint8_t stratum);

  std::vector<reactor::DatagramSocket> sockets_;  // One for each address.
  const SocketFile file_;
};

/// Sends the same bytes to each client on one port: as the response to a datagram that is shorter,
/// and on a TCP connection without a request.
class FixedService {
 public:
  using Answer = std::function<std::string()>;

  FixedService(reactor::Loop& loop, const std::string& endpoint, Answer answer);

  const reactor::Address& address() const { return connections_->address(); }
  void drain();

 private:
  struct Connection {
    void on_data(std::span<const std::byte>) {}
  };
  using Connections = reactor::Server<Connection>;

  bool listen(reactor::Loop& loop, const std::string& endpoint, bool last_try);

  Answer answer_;
  std::optional<Connections> connections_;
  std::vector<reactor::DatagramSocket> datagrams_;  // One for each address.
};

/// The most memory that all services use together.
[[nodiscard]] std::uint64_t most_bytes();

[[nodiscard]] std::string time_answer();     ///< RFC 868
[[nodiscard]] std::string daytime_answer();  ///< RFC 867

}  // namespace samples
