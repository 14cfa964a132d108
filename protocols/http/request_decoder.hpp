// HTTP/1.1 requests (RFC 9110, RFC 9112), read as strictly as the RFCs allow wherever leniency
// could make two recipients see two different requests.
#pragma once

#include "protocols/http/message_reader.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0::http {

/// The protocol of RequestDecoder.
class Requests : public MessageReader<RequestHead> {
 public:
  Requests(const Limits& limits = {}) : MessageReader(limits) {}

  Parsed<Frame> parse(Bytes bytes, Progress& progress) {
    if (phase_ == Phase::end) return end_message(0);
    if (phase_ != Phase::head) return parse_body(bytes, progress);
    if (as_text(bytes)[0] == '\r') return skip_empty_line(bytes);
    return parse_head(bytes, progress);
  }

  /// A server that continues with HTTP calls this at the end of a request whose head has `upgrade`
  /// set. Otherwise what follows is returned unchanged, as `tunnel`; so is what follows a CONNECT.
  void decline_upgrade();

 private:
  Parsed<Frame> parse_head(Bytes bytes, Progress& progress);
  Parsed<Frame> parse_head_by_steps(Bytes bytes, Progress& progress);
  std::size_t read_plain_head(std::string_view text);
  Parsed<Frame> finish_head(std::string_view text);

  std::uint32_t target_begin_ = 0;
  std::uint32_t target_size_ = 0;
  unsigned char minor_version_ = 1;
  Phase if_declined_ = Phase::head;
};

/// Splits a stream into requests, each reported as a head, pieces of its body, and an end.
///
///     RequestDecoder decoder(Limits{.max_body_bytes = 1 << 20});
///     decoder.feed(bytes);
///     while (auto event = decoder.next()) {
///       if (event->kind == RequestEvent::Kind::head) std::puts(event->head->target.data());
///     }
///     if (decoder.error()) answer_with(status_of(decoder.error()));
///
/// Enforced for the whole connection: exactly one valid Host; exactly one unambiguous framing; CR
/// LF and no other line end; no folded lines; the target's form fits the method. Any token is a
/// method: a server responds with 501 to one that it does not know.
///
/// Errors    The DecodeErrors listed under HTTP; status_of() in status.hpp returns the response.
using RequestDecoder = FrameDecoder<Requests>;

}  // namespace protocols::http
#pragma GCC visibility pop
