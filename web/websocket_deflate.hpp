// Compression for WebSockets, or its absence in a build without zlib. Internal.
#pragma once

#include <memory>
#include <vector>

#include "protocols/bytes.hpp"
#include "protocols/websocket/inflater.hpp"

namespace web::inline v0 {

/// Compresses the messages of one direction, as web::Deflate.
class Compressor {
 public:
  Compressor() = default;
  Compressor(const Compressor&) = delete;
  Compressor& operator=(const Compressor&) = delete;
  virtual ~Compressor() = default;
  [[nodiscard]] virtual bool message(std::vector<std::byte>& out, protocols::Bytes message) = 0;
};

/// False in a build without zlib; then the functions below return null.
[[nodiscard]] bool can_deflate();

[[nodiscard]] std::unique_ptr<protocols::websocket::Inflater> make_inflater(
    int window_bits, bool no_context_takeover);
[[nodiscard]] std::unique_ptr<Compressor> make_compressor(int window_bits,
                                                          bool no_context_takeover);

/// Of this thread, without context takeover and with the largest window.
[[nodiscard]] Compressor* shared_compressor();

}  // namespace web
