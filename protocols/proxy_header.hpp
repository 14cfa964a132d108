// The PROXY protocol, versions 1 and 2 (haproxy.org/download/2.9/doc/proxy-protocol.txt): what a
// proxy sends first on a connection, so that the server learns from where the client connected.
//
//     PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n                      version 1, 107 bytes at most
//
//     +--------------------+---+---+------+---+--------+-----------+------+
//     | \r\n\r\n\0\r\nQUIT\n | 2 |cmd|family|how| length | addresses | TLVs |  version 2
//     +--------------------+---+---+------+---+--------+-----------+------+
//       12 bytes             1 byte  1 byte     2 bytes  |<- length bytes ->|
//
// Accept such a header only from addresses of proxies: any other client could claim any address.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocols/frame_decoder.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0 {

/// An end of the connection that the proxy accepted.
struct ProxyEndpoint {
  /// An IPv4 address in the first 4 bytes, or an IPv6 address, in network order.
  std::array<std::byte, 16> ip{};
  std::uint16_t port = 0;
  /// Of a unix socket. A name in the abstract namespace begins with a zero byte.
  std::string_view path = {};
};

/// One of the further facts of version 2: type, length, value.
struct ProxyTlv {
  /// The registered types; others may occur.
  enum Type : unsigned char {
    alpn = 0x01,
    authority = 0x02,
    crc32c = 0x03,  ///< Checked by the decoder.
    noop = 0x04,
    unique_id = 0x05,
    ssl = 0x20,  ///< read_proxy_ssl() reads the value.
    netns = 0x30,
  };

  unsigned char type = 0;
  Bytes value = {};
};

/// What a proxy reports of a connection.
struct ProxyHeader {
  /// `local`: the proxy itself has connected, for example to check the server.
  enum class Command : unsigned char { local, proxy };
  /// `unspecified` is UNSPEC in version 2, and UNKNOWN in version 1.
  enum class Family : unsigned char {
    unspecified,
    tcp4,
    udp4,
    tcp6,
    udp6,
    unix_stream,
    unix_datagram
  };

  int version = 1;
  /// `local`: the connection is the proxy's own, such as a health check.
  Command command = Command::proxy;
  /// Without addresses: `unspecified`, also of a local connection. Use those of the socket.
  Family family = Family::unspecified;
  ProxyEndpoint source = {};
  ProxyEndpoint destination = {};
  Bytes tlvs = {};  ///< All of them, well-formed: for for_each_tlv() and find_tlv().

  [[nodiscard]] bool has_ip() const {
    return family != Family::unspecified && family < Family::unix_stream;
  }
  [[nodiscard]] bool is_ipv6() const { return family == Family::tcp6 || family == Family::udp6; }
};

/// Calls `visit(ProxyTlv)` for each, in order.
template <class Visit>
void for_each_tlv(const ProxyHeader& header, Visit visit) {
  constexpr std::size_t tlv_header_bytes = 3;
  for (Bytes rest = header.tlvs; rest.size() >= tlv_header_bytes;) {
    const auto high = std::to_integer<std::size_t>(rest[1]);
    const std::size_t size = high << 8 | std::to_integer<std::size_t>(rest[2]);
    visit(ProxyTlv{std::to_integer<unsigned char>(rest[0]), rest.subspan(tlv_header_bytes, size)});
    rest = rest.subspan(tlv_header_bytes + size);
  }
}

/// The value of the first TLV of this type.
[[nodiscard]] std::optional<Bytes> find_tlv(const ProxyHeader& header, unsigned char type);

/// The TLV of type `ssl`: how the client was connected to the proxy.
struct ProxySsl {
  bool is_encrypted = false;
  bool has_certificate = false;       ///< The client sent one, for this connection or its session.
  bool is_verified = false;           ///< The client sent a certificate, and it is good.
  std::string_view version = {};      ///< Such as `TLSv1.3`.
  std::string_view common_name = {};  ///< Of the client's certificate.
  std::string_view cipher = {};
};
[[nodiscard]] std::optional<ProxySsl> read_proxy_ssl(Bytes value);

/// `192.0.2.1`, or `2001:db8::1` in the form of RFC 5952.
[[nodiscard]] std::string ip_text(const ProxyEndpoint& endpoint, bool is_ipv6);

/// The protocol of ProxyHeaderDecoder.
struct ProxyHeaders {
  using Frame = std::variant<ProxyHeader, Bytes>;
  /// How far an incomplete frame was read.
  struct Progress {
    std::size_t tlv = 0;  ///< Where a TLV begins; those before it are well-formed.
  };

  bool done = false;  ///< The header was returned.

  /// Errors    DecodeError::bad_signature, bad_header, bad_address, bad_port, bad_line_end,
  ///           too_large (version 1); unknown_version, bad_command, bad_family, bad_length,
  ///           bad_tlv, bad_checksum (version 2)
  [[nodiscard]] Parsed<Frame> parse(Bytes bytes, Progress& progress);

  [[nodiscard]] bool at_boundary() const { return done; }
};

/// Decodes the header, and then delivers all that follows in pieces, as it arrives. A receiver must
/// end a connection without a header: nothing may be guessed.
///
///     ProxyHeaderDecoder decoder;
using ProxyHeaderDecoder = FrameDecoder<ProxyHeaders>;

/// Appends a header of version 1 or 2, as `header.version` selects; version 2 with the TLVs.
/// Returns false, and appends nothing, if the version cannot express the header.
[[nodiscard]] bool append_proxy_header(std::vector<std::byte>& out, const ProxyHeader& header);

/// Appends a TLV to those of a header that will be encoded. Returns false, and appends nothing, if
/// the value has more than 65,535 bytes.
[[nodiscard]] bool append_tlv(std::vector<std::byte>& tlvs, ProxyTlv tlv);

/// Appends a TLV of type crc32c, which append_proxy_header() fills in.
void append_checksum_tlv(std::vector<std::byte>& tlvs);

}  // namespace protocols
#pragma GCC visibility pop
