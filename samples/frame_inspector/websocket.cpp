// WebSocket frames, under the names and settings of the conformance cases.
#include "protocols/websocket/close.hpp"
#include "protocols/websocket/decoder.hpp"
#include "samples/frame_inspector/inspector.hpp"

namespace inspector {
namespace {

using protocols::websocket::Event;
using protocols::websocket::MessageDecoder;
using protocols::websocket::Role;
using protocols::websocket::Settings;

constexpr std::uint64_t largest_frame = 1 << 20;
constexpr std::uint64_t largest_message = 1 << 22;

std::string_view name_of(Event::Kind kind) {
  constexpr std::string_view names[] = {"text", "binary", "ping", "pong", "close"};
  return names[static_cast<std::size_t>(kind)];
}

// A line for each message and each control frame.
class WebSocketInspector final : public Inspector {
 public:
  explicit WebSocketInspector(const Settings& settings) : decoder_(settings) {}

  void feed(protocols::Bytes bytes, std::string& out) override {
    if (decoder_.error()) return;
    pending_ += protocols::as_text(bytes);
    decoder_.feed(bytes);
    while (const auto event = decoder_.next()) print(*event, out);
    if (!end_ && !decoder_.error()) drop_pending_before(begin_of_unfinished());
  }

  Ending end(std::string& out) override {
    if (const std::error_code error = decoder_.error()) {
      const auto reason = static_cast<protocols::DecodeError>(error.value());
      const Json object{{"class", name(reason)},
                        {"text", error.message()},
                        {"close_code", protocols::websocket::close_code_of(error)}};
      Line("error", decoder_.extent().offset).json("error", object.dump()).append_to(out);
      return Ending::error;
    }
    if (end_) {
      drop_pending_before(*end_);
      Line("close", *end_).base64("rest_b64", protocols::as_bytes(pending_)).append_to(out);
      return Ending::close;
    }
    if (decoder_.at_boundary()) {
      Line("clean", decoder_.position()).append_to(out);
      return Ending::clean;
    }
    Line("incomplete", pending_begin_)
        .base64("rest_b64", protocols::as_bytes(pending_))
        .append_to(out);
    return Ending::incomplete;
  }

 private:
  void print(const Event& event, std::string& out) {
    const protocols::Extent extent = decoder_.extent();
    Line line(extent);
    line.json("type", Json(name_of(event.kind)).dump());
    if (event.kind == Event::Kind::close) {
      // In ASCII: some readers of lines take U+0085 for a line end.
      line.json("code", std::to_string(event.code))
          .json("reason", Json(event.text()).dump(-1, ' ', true));
      end_ = extent.offset + extent.size;
    } else {
      line.base64("data_b64", event.data);
    }
    line.append_to(out);
  }

  std::uint64_t begin_of_unfinished() const {
    return decoder_.position() - decoder_.protocol().unfinished_bytes();
  }

  void drop_pending_before(std::uint64_t offset) {
    pending_.erase(0, offset - pending_begin_);
    pending_begin_ = offset;
  }

  MessageDecoder decoder_;
  std::optional<std::uint64_t> end_;  // Of the close frame.
  std::string pending_;               // The stream from the unfinished message on.
  std::uint64_t pending_begin_ = 0;
};

Role role_of(const Config& config) {
  const std::string role = config.text("role");
  if (role == "server") return Role::server;
  if (role == "client") return Role::client;
  throw WrongSetting("role: server or client is wanted");
}

}  // namespace

Protocol websocket() {
  return {"websocket",
          {{"role", "server"}, {"max_frame", largest_frame}, {"max_message", largest_message}},
          [](const Config& config) -> std::unique_ptr<Inspector> {
            return std::make_unique<WebSocketInspector>(
                Settings{.role = role_of(config),
                         .max_frame_bytes = config.count("max_frame"),
                         .max_message_bytes = config.count("max_message")});
          }};
}

}  // namespace inspector
