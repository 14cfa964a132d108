// HTTP/1.1, under the names and settings of the conformance cases.
#include "protocols/http/request_decoder.hpp"
#include "protocols/http/response_decoder.hpp"
#include "protocols/http/status.hpp"
#include "samples/frame_inspector/inspector.hpp"

namespace inspector {
namespace {

using protocols::http::Fields;
using protocols::http::Framing;
using protocols::http::Limits;
using protocols::http::RequestDecoder;
using protocols::http::RequestHead;
using protocols::http::ResponseDecoder;
using protocols::http::ResponseHead;

Json as_json(const Fields& fields) {
  Json list = Json::array();
  for (const auto& field : fields) {
    list.push_back({from_latin1(field.name), from_latin1(field.value)});
  }
  return list;
}

std::string_view name_of(Framing framing) {
  constexpr std::string_view names[] = {"none", "length", "chunked", "close"};
  return names[static_cast<std::size_t>(framing)];
}

Json as_json(const RequestHead& head) {
  Json message{{"method", head.method},
               {"target", from_latin1(head.target)},
               {"version", "1." + std::to_string(head.minor_version)},
               {"headers", as_json(head.fields)},
               {"chunked", head.framing == Framing::chunked},
               {"keep_alive", head.keep_alive}};
  if (!head.upgrade.empty()) message["upgrade"] = from_latin1(head.upgrade);
  return message;
}

Json as_json(const ResponseHead& head) {
  return {{"status", head.status},
          {"reason", from_latin1(head.reason)},
          {"version", "1." + std::to_string(head.minor_version)},
          {"headers", as_json(head.fields)},
          {"informational", head.status < 200},
          {"framing", name_of(head.framing)},
          {"keep_alive", head.keep_alive}};
}

// A line for each message, with its whole body.
template <class Decoder>
class HttpInspector final : public Inspector {
 public:
  HttpInspector(Decoder decoder, bool ends) : decoder_(std::move(decoder)), ends_(ends) {}

  void feed(protocols::Bytes bytes, std::string& out) override {
    if (decoder_.error()) return;
    pending_.erase(0, dropped_);
    dropped_ = 0;
    pending_ += protocols::as_text(bytes);
    decoder_.feed(bytes);
    take(out);
    // Between messages only the bytes behind the last message of the connection are pending.
    if (goes_on_ && !message_) drop_pending_before(decoder_.position());
  }

  Ending end(std::string& out) override {
    if constexpr (requires { decoder_.finish(); }) {
      if (ends_) decoder_.finish();
      take(out);
    }
    if (decoder_.error()) return end_with_error(out);
    if (message_ || !decoder_.at_boundary()) return end_incomplete(out);
    Ending ending = Ending::clean;
    std::string_view name = "clean";
    std::uint64_t offset = decoder_.position();
    if (decoder_.protocol().tunnels()) {
      ending = Ending::tunnel;
      name = "tunnel";
    } else if (!goes_on_) {
      ending = Ending::close;
      name = "close";
    }
    Line line(name, goes_on_ ? offset : pending_begin_);
    if (!goes_on_) line.base64("rest_b64", pending());
    line.append_to(out);
    return ending;
  }

 private:
  using Kind = typename Decoder::Frame::Kind;

  void take(std::string& out) {
    while (auto event = decoder_.next()) {
      const protocols::Extent extent = decoder_.extent();
      switch (event->kind) {
        case Kind::head:
          drop_pending_before(extent.offset);
          message_ = as_json(*event->head);
          goes_on_ = event->head->keep_alive;
          break;
        case Kind::body:
          body_ += protocols::as_text(event->bytes);
          break;
        case Kind::end:
          (*message_)["body_b64"] = protocols::to_base64(body_);
          (*message_)["trailers"] = as_json(*event->trailers);
          print(extent.offset + extent.size, out);
          break;
        case Kind::tunnel:
          break;
      }
    }
  }

  void print(std::uint64_t end, std::string& out) {
    Line line({pending_begin_, end - pending_begin_});
    for (const auto& [name, value] : message_->items()) line.json(name, in_ascii(value));
    line.append_to(out);
    message_.reset();
    body_.clear();
    if (decoder_.protocol().tunnels()) goes_on_ = false;
    drop_pending_before(end);
  }

  Ending end_with_error(std::string& out) {
    const auto reason = static_cast<protocols::DecodeError>(decoder_.error().value());
    Json error{{"class", protocols::name(reason)}, {"text", decoder_.error().message()}};
    if constexpr (std::is_same_v<Decoder, RequestDecoder>) {
      error["status"] = protocols::http::status_of(decoder_.error());
    }
    Line("error", decoder_.extent().offset).json("error", error.dump()).append_to(out);
    return Ending::error;
  }

  Ending end_incomplete(std::string& out) {
    Line line("incomplete", pending_begin_);
    line.json("head_complete", message_ ? "true" : "false");
    if (message_) line.base64("body_so_far_b64", protocols::as_bytes(body_));
    line.base64("rest_b64", pending()).append_to(out);
    return Ending::incomplete;
  }

  protocols::Bytes pending() const { return protocols::as_bytes(pending_).subspan(dropped_); }

  void drop_pending_before(std::uint64_t offset) {
    dropped_ += offset - pending_begin_;
    pending_begin_ = offset;
  }

  Decoder decoder_;
  bool ends_;            // The peer closes after the input.
  bool goes_on_ = true;  // Another message may follow the last one.
  std::optional<Json> message_;
  std::string body_;
  // The stream from the unfinished message on, behind `dropped_` bytes, which are erased once a
  // chunk.
  std::string pending_;
  std::size_t dropped_ = 0;
  std::uint64_t pending_begin_ = 0;
};

Limits limits_of(const Config& config) {
  Limits limits;
  if (config.has("max_body")) limits.max_body_bytes = config.count("max_body");
  return limits;
}

// The decoder does not use these settings: they are those of the cases. The decoder has such limits
// by default, and always follows RFC 9112 3.2.
const Json request_settings = {
    {"layer", "server"}, {"default_limits", true}, {"max_body", nullptr}};

std::unique_ptr<Inspector> inspect_requests(const Config& config) {
  const std::string layer = config.text("layer");
  if (layer != "framing" && layer != "server") {
    throw WrongSetting("layer: framing or server is wanted");
  }
  if (!config.flag("default_limits")) throw WrongSetting("default_limits: there are no others");
  return std::make_unique<HttpInspector<RequestDecoder>>(RequestDecoder(limits_of(config)), false);
}

}  // namespace

Protocol http_request() { return {"http_request", request_settings, inspect_requests}; }

Protocol http_limits() { return {"http_limits", request_settings, inspect_requests}; }

Protocol http_response() {
  return {"http_response",
          {{"eof", false}, {"request_methods", Json::array()}, {"max_body", nullptr}},
          [](const Config& config) -> std::unique_ptr<Inspector> {
            ResponseDecoder decoder(limits_of(config));
            for (const std::string& method : config.texts("request_methods")) {
              decoder.protocol().expect(method);
            }
            return std::make_unique<HttpInspector<ResponseDecoder>>(std::move(decoder),
                                                                    config.flag("eof"));
          }};
}

}  // namespace inspector
