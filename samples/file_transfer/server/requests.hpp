// What a client sends, cut into requests and pieces of files.
#pragma once

#include <optional>
#include <system_error>
#include <utility>
#include <variant>

#include "protocols/json_header.hpp"
#include "samples/file_transfer/wire.hpp"

namespace file_transfer {

/// A decoder whose last frame tells what is wrong with the stream, so that it can be answered.
class RequestDecoder {
 public:
  using Frame = std::variant<protocols::JsonHead, protocols::PayloadPiece, std::error_code>;

  void feed(protocols::Bytes bytes) { decoder_.feed(bytes); }
  void retain() { decoder_.retain(); }
  [[nodiscard]] bool at_boundary() const { return decoder_.at_boundary(); }

  [[nodiscard]] std::optional<Frame> next() {
    if (const auto frame = decoder_.next()) {
      return std::visit([](const auto& kind) { return Frame(kind); }, *frame);
    }
    if (!decoder_.error() || std::exchange(told_, true)) return std::nullopt;
    return decoder_.error();
  }

  [[nodiscard]] std::error_code error() const {
    return told_ ? decoder_.error() : std::error_code();
  }

 private:
  protocols::JsonHeaderStreamDecoder decoder_ = decoder(max_piece_bytes);
  bool told_ = false;
};

}  // namespace file_transfer
