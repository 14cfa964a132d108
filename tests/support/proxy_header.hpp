// The headers of the PROXY protocol as text, for transcripts.
#pragma once

#include <string>
#include <variant>

#include "protocols/proxy_header.hpp"
#include "support/transcript.hpp"

template <>
inline constexpr bool is_piece<protocols::ProxyHeaders::Frame> = true;

namespace protocols {

/// "v2 tcp4 1.2.3.4:5 > 6.7.8.9:10 (1=h2)"
inline std::string describe(const ProxyHeader& header) {
  constexpr const char* names[] = {"unspecified", "tcp4", "udp4",         "tcp6",
                                   "udp6",        "unix", "unix-datagram"};
  std::string text = "v" + std::to_string(header.version) + " ";
  if (header.command == ProxyHeader::Command::local) text += "local ";
  text += names[static_cast<std::size_t>(header.family)];
  const auto end = [&](const ProxyEndpoint& endpoint) {
    if (!header.has_ip()) return std::string(endpoint.path);
    return ip_text(endpoint, header.is_ipv6()) + ":" + std::to_string(endpoint.port);
  };
  if (header.family != ProxyHeader::Family::unspecified) {
    text += " " + end(header.source) + " > " + end(header.destination);
  }
  for_each_tlv(header, [&](const ProxyTlv& tlv) {
    text += " (" + std::to_string(tlv.type) + "=" + std::string(as_text(tlv.value)) + ")";
  });
  return text;
}

/// The header in brackets, and the bytes behind it, which may be in any number of pieces.
inline std::string describe(const ProxyHeaders::Frame& frame) {
  if (const auto* header = std::get_if<ProxyHeader>(&frame)) {
    return "[" + describe(*header) + "]";
  }
  return std::string(as_text(std::get<Bytes>(frame)));
}

}  // namespace protocols
