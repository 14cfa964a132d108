// permessage-deflate (RFC 7692) with zlib: what protocols/websocket negotiates and leaves out.
//
//     const auto choice = websocket::choose_deflate(websocket::extensions_of(head));
//     Inflate inflate(choice->parameters.client_max_window_bits,
//                     choice->parameters.client_no_context_takeover);
//     websocket::MessageDecoder decoder(websocket::Settings{.inflater = &inflate});
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "protocols/websocket/inflater.hpp"

#pragma GCC visibility push(default)
namespace web::inline v0 {

/// Inflates the messages of one direction.
///
/// Cost      About 7 KiB and the window, from the first compressed message on.
class Inflate final : public protocols::websocket::Inflater {
 public:
  /// `window_bits` and `no_context_takeover` are those of the sender.
  explicit Inflate(int window_bits = 15, bool no_context_takeover = false);
  ~Inflate() override;

  [[nodiscard]] Step inflate(protocols::Bytes in, std::span<std::byte> out) override;
  void end_message() override;

 private:
  struct [[gnu::visibility("hidden")]] State;

  bool begin();

  int window_bits_;
  bool no_context_takeover_;
  std::unique_ptr<State> state_;
};

/// Compresses the messages of one direction, for Encoder::compressed().
///
/// Cost      About 256 KiB with a window of 15 bits, from the first message on.
class Deflate {
 public:
  /// Both as negotiated for this side; the window has at least 9 bits. `level` is zlib's, 1 to 9.
  explicit Deflate(int window_bits = 15, bool no_context_takeover = false, int level = 6);
  ~Deflate();
  Deflate(const Deflate&) = delete;
  Deflate& operator=(const Deflate&) = delete;

  /// Appends the compressed message. False if there is no memory for it; then `out` is unchanged.
  [[nodiscard]] bool message(std::vector<std::byte>& out, protocols::Bytes message);

 private:
  struct [[gnu::visibility("hidden")]] State;

  int window_bits_;
  bool no_context_takeover_;
  int level_;
  std::unique_ptr<State> state_;
};

}  // namespace web
#pragma GCC visibility pop
