// The peer of a session of a UdpServer.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "reactor/address.hpp"
#include "reactor/callback.hpp"
#include "reactor/datagram.hpp"

namespace reactor::inline v0 {

namespace detail {
template <class Session>
struct UdpServerState;
}

/// The peer of a session.
class UdpPeer {
 public:
  UdpPeer(const UdpPeer&) = delete;
  UdpPeer& operator=(const UdpPeer&) = delete;

  [[nodiscard]] const Address& address() const { return address_; }

  /// Sends from the address that the peer's last datagram was sent to, if that is known. Bytes of
  /// the datagram that is being delivered are not copied.
  WriteStatus send(std::span<const std::byte> bytes) {
    const Datagram last{
        .bytes = {}, .sender = address_, .packet_info = packet_info_ ? &*packet_info_ : nullptr};
    return socket_->reply(last, bytes);
  }
  WriteStatus send(std::string_view text) { return send(std::as_bytes(std::span(text))); }

  /// Ends the session, which is destroyed in the loop's next iteration. What the peer sends after
  /// that goes to a new session. Has no effect while the session is being made.
  void close() { on_close_(); }

 private:
  template <class Session>
  friend struct detail::UdpServerState;

  UdpPeer(DatagramSocket& socket, const Address& address, Callback<void()> on_close)
      : socket_(&socket), address_(address), on_close_(std::move(on_close)) {}

  void note_received(const Datagram& datagram, DatagramSocket& socket) {
    socket_ = &socket;
    if (datagram.packet_info) packet_info_ = *datagram.packet_info;
  }

  DatagramSocket* socket_;  // The one that received the last datagram.
  const Address address_;
  std::optional<PacketInfo> packet_info_;
  Callback<void()> on_close_;
};

}  // namespace reactor
