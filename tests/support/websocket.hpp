// WebSocket frames for tests, written without the encoder, and events as text.
#pragma once

#include <string>
#include <string_view>

#include "protocols/websocket/message.hpp"

namespace protocols::websocket {

/// `text(hello)`, `close(1000 bye)`. Pieces of a message give the same text as the whole message.
inline std::string describe(const Event& event) {
  static constexpr std::string_view names[] = {"text", "binary", "ping", "pong", "close"};
  std::string text;
  if (event.first) text = std::string(names[static_cast<std::size_t>(event.kind)]) + "(";
  if (event.kind == Event::Kind::close) text += std::to_string(event.code) + " ";
  text += event.text();
  return event.last ? text + ")" : text;
}

}  // namespace protocols::websocket

namespace websocket_test {

inline constexpr unsigned fin = 0x80, rsv1 = 0x40;
inline constexpr unsigned continuation = 0, text = 1, binary = 2, closes = 8, ping = 9, pong = 10;

inline std::string big_endian(std::uint64_t value, int bytes) {
  std::string out;
  while (bytes-- > 0) out += static_cast<char>(value >> 8 * bytes);
  return out;
}

/// A frame with this first byte, as a server sends it.
inline std::string unmasked(unsigned first, std::string_view payload) {
  std::string out(1, static_cast<char>(first));
  if (payload.size() < 126) {
    out += static_cast<char>(payload.size());
  } else if (payload.size() < 65536) {
    out += static_cast<char>(126) + big_endian(payload.size(), 2);
  } else {
    out += static_cast<char>(127) + big_endian(payload.size(), 8);
  }
  return out.append(payload);
}

/// A frame with this first byte, as a client sends it.
inline std::string masked(unsigned first, std::string_view payload,
                          std::string_view key = "\x37\xFA\x21\x3D") {
  std::string out = unmasked(first, payload);
  const std::size_t header = out.size() - payload.size();
  out[1] = static_cast<char>(out[1] | static_cast<char>(0x80));
  for (std::size_t i = 0; i < payload.size(); ++i) {
    out[header + i] = static_cast<char>(out[header + i] ^ key[i % 4]);
  }
  return out.insert(header, key);
}

/// The payload of a close frame.
inline std::string closing(unsigned code, std::string_view reason = {}) {
  return big_endian(code, 2).append(reason);
}

}  // namespace websocket_test
