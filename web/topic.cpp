#include "web/topic.hpp"

#include <utility>
#include <vector>

#include "protocols/websocket/encoder.hpp"
#include "protocols/websocket/utf8.hpp"
#include "web/topic_member.hpp"
#include "web/websocket_state.hpp"

namespace web::inline v0 {

using protocols::Bytes;
using protocols::websocket::FrameHeader;
using protocols::websocket::Opcode;
using reactor::WriteStatus;

namespace {

// One message in the forms that members take, each made when the first member needs it.
class Publication {
 public:
  Publication(WebSocket::Kind of, Bytes bytes, bool may_compress)
      : kind(of), message(bytes), may_compress_(may_compress) {}

  const WebSocketOutput::Frame& frame(bool compressed) {
    if (compressed && may_compress_ && !compressed_) compress();
    if (compressed && may_compress_) return compressed_;
    if (!plain_) plain_ = make({.opcode = opcode()}, message);
    return plain_;
  }

  const WebSocket::Kind kind;
  const Bytes message;

 private:
  [[nodiscard]] Opcode opcode() const {
    return kind == WebSocket::Kind::text ? Opcode::text : Opcode::binary;
  }

  void compress() {
    std::vector<std::byte> deflated;
    Compressor* const compressor = shared_compressor();
    may_compress_ =
        compressor && compressor->message(deflated, message) && deflated.size() < message.size();
    if (may_compress_) compressed_ = make({.opcode = opcode(), .compressed = true}, deflated);
  }

  static WebSocketOutput::Frame make(const FrameHeader& header, Bytes payload) {
    auto frame = std::make_shared<std::vector<std::byte>>();
    constexpr std::size_t header_bytes = 10;
    frame->reserve(header_bytes + payload.size());
    append_frame(*frame, header, payload);
    return frame;
  }

  bool may_compress_;
  WebSocketOutput::Frame plain_;
  WebSocketOutput::Frame compressed_;
};

}  // namespace

struct Topic::State {
  explicit State(TopicOptions with) : options(with) {}

  std::size_t publish(Publication publication) {
    std::size_t reached = 0;
    for (std::size_t i = members.all().size(); i-- > 0;) {
      if (send(*members.all()[i], publication)) ++reached;
    }
    return reached;
  }

  // May remove this member.
  bool send(TopicMember& member, Publication& publication) {
    WebSocketState& socket = member.socket;
    WebSocketOutput& output = socket.output;
    if (!socket.is_server()) {
      return took(socket.note(output.message(publication.kind, publication.message)));
    }
    const auto& frame = publication.frame(output.takes_compressed());
    const std::size_t size = frame->size() + WebSocketOutput::frame_bytes;
    if (options.slow == TopicOptions::Slow::drop_oldest) {
      if (output.make_room(size, options.max_waiting_bytes, dropped)) {
        return took(socket.note(output.publish(frame)));
      }
      ++dropped;
      return false;
    }
    if (output.is_empty() || output.waiting_bytes() + size <= options.max_waiting_bytes) {
      return took(socket.note(output.publish(frame)));
    }
    ++closed;
    members.remove(member);
    output.drop_waiting();
    (void)socket.close(close_code::policy_violation, "too slow");
    return false;
  }

  static bool took(WriteStatus written) {
    return written != WriteStatus::closed && written != WriteStatus::refused;
  }

  TopicOptions options;
  TopicMembers members;
  std::uint64_t dropped = 0;
  std::uint64_t closed = 0;
};

Topic::Topic(TopicOptions options) : state_(std::make_unique<State>(options)) {}
Topic::Topic(Topic&&) noexcept = default;
Topic& Topic::operator=(Topic&&) noexcept = default;
Topic::~Topic() = default;

bool Topic::join(WebSocket& socket) { return state_->members.add(socket.state()->member); }
bool Topic::leave(WebSocket& socket) { return state_->members.remove(socket.state()->member); }

std::size_t Topic::publish(std::string_view text) {
  const Bytes bytes = protocols::as_bytes(text);
  if (!protocols::websocket::is_utf8(bytes)) return 0;
  return state_->publish(
      {WebSocket::Kind::text, bytes, bytes.size() >= state_->options.compress_from_bytes});
}

std::size_t Topic::publish(std::span<const std::byte> binary) {
  return state_->publish(
      {WebSocket::Kind::binary, binary, binary.size() >= state_->options.compress_from_bytes});
}

std::size_t Topic::size() const { return state_->members.all().size(); }
std::uint64_t Topic::dropped() const { return state_->dropped; }
std::uint64_t Topic::closed() const { return state_->closed; }

}  // namespace web
