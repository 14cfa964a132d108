// What frame_inspector knows of a protocol: its name, its settings, and its frames as JSON. A new
// protocol is a file that defines such a function, and a line in protocols.cpp.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/base64.hpp"
#include "protocols/error.hpp"
#include "protocols/frame_decoder.hpp"
#include "samples/frame_inspector/config.hpp"

namespace inspector {

/// Bytes as a text of the characters U+0000 to U+00FF.
[[nodiscard]] std::string from_latin1(std::string_view bytes);

/// JSON without characters beyond ASCII: some readers of lines take U+0085 for a line end.
[[nodiscard]] std::string in_ascii(const Json& value);

/// One line of output: a JSON object, written member by member in this order.
class Line {
 public:
  explicit Line(protocols::Extent extent);
  /// The line about the end of the stream.
  Line(std::string_view end, std::uint64_t offset);

  /// Adds a member whose value is already JSON.
  Line& json(std::string_view name, std::string_view value);
  Line& base64(std::string_view name, protocols::Bytes bytes);

  void append_to(std::string& out) const { out.append(text_).append("}\n"); }

 private:
  std::string text_;
};

/// How a stream ended. `clean`: after whole frames; `incomplete`: amid a frame; `error`: at a wrong
/// frame; `close`: the connection ends, nothing may follow; `tunnel`: another protocol follows;
/// `ok`: the header of a connection was decoded.
enum class Ending { clean, incomplete, error, close, tunnel, ok };

/// A decoder and its printer: bytes in, lines out.
class Inspector {
 public:
  virtual ~Inspector() = default;

  /// Appends a line to `out` for each frame.
  virtual void feed(protocols::Bytes bytes, std::string& out) = 0;

  /// Appends the last line when the stream has ended.
  virtual Ending end(std::string& out) = 0;
};

/// The error of a decoder.
[[nodiscard]] std::string error_json(const std::error_code& error);

struct Protocol {
  std::string_view name;
  Json defaults;
  std::unique_ptr<Inspector> (*inspect)(const Config& config);
};

Protocol length_field();
Protocol delimiter();
Protocol fixed();
Protocol netstring();
Protocol slip();
Protocol cobs();
Protocol json_header();
Protocol content_length_block();
Protocol resp();
Protocol proxy();
Protocol http_request();
Protocol http_response();
Protocol http_limits();
Protocol websocket();

/// All protocols, in the order in which they are listed.
const std::vector<Protocol>& protocols_known();

/// The usual Inspector: any decoder, and a function that adds a frame's members to its line.
template <class Decoder>
class DecoderInspector final : public Inspector {
 public:
  using Describe = void (*)(const typename Decoder::Frame& frame, Line& line);

  DecoderInspector(Decoder decoder, Describe describe_frame)
      : decoder_(std::move(decoder)), describe_frame_(describe_frame) {}

  void feed(protocols::Bytes bytes, std::string& out) override {
    decoder_.feed(bytes);
    while (auto frame = decoder_.next()) {
      Line line(decoder_.extent());
      describe_frame_(*frame, line);
      line.append_to(out);
    }
  }

  Ending end(std::string& out) override {
    if (const std::error_code error = decoder_.error()) {
      Line("error", decoder_.extent().offset).json("error", error_json(error)).append_to(out);
      return Ending::error;
    }
    if (decoder_.at_boundary()) {
      Line("clean", decoder_.position()).append_to(out);
      return Ending::clean;
    }
    Line("incomplete", decoder_.position()).base64("rest_b64", decoder_.rest()).append_to(out);
    return Ending::incomplete;
  }

 private:
  Decoder decoder_;
  Describe describe_frame_;
};

/// Describes frames that are bytes.
inline void describe_bytes(const protocols::Bytes& frame, Line& line) {
  line.base64("frame_b64", frame);
}

template <class Decoder>
std::unique_ptr<Inspector> inspect(Decoder decoder,
                                   typename DecoderInspector<Decoder>::Describe describe_frame) {
  return std::make_unique<DecoderInspector<Decoder>>(std::move(decoder), describe_frame);
}

}  // namespace inspector
