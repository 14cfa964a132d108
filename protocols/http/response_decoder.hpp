// HTTP/1.1 responses (RFC 9110, RFC 9112), with the same strictness as requests.
#pragma once

#include <string_view>
#include <vector>

#include "protocols/http/message_reader.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0::http {

/// The protocol of ResponseDecoder.
class Responses : public MessageReader<ResponseHead> {
 public:
  Responses(const Limits& limits = {}) : MessageReader(limits) {}

  Parsed<Frame> parse(Bytes bytes, Progress& progress);

  /// Call this for each request that is sent: the meaning of its response depends on the method.
  /// Without a call, a response is taken for one to a GET.
  void expect(std::string_view method);

  /// For FrameDecoder::finish(). Completes a body that ends with the connection.
  bool finish();

 private:
  enum class Request : unsigned char { head, connect, other };

  Parsed<Frame> parse_head(Bytes bytes, Progress& progress);
  DecodeError frame_body(Request request);
  Request take_request();

  std::vector<Request> requests_;  // The requests without a response, in order.
  std::uint32_t reason_begin_ = 0;
  unsigned char minor_version_ = 1;
  int status_ = 0;
};

/// Splits a stream into responses, each reported as a head, pieces of its body, and an end.
///
///     ResponseDecoder decoder;
///     decoder.protocol().expect("GET");
///     decoder.feed(bytes);
///     while (auto event = decoder.next()) { … }
///     ...
///     decoder.finish();                          // the peer has closed: next() may have an end
///
/// Informational responses are separate messages before the final one. After a 101, or a 2xx to
/// CONNECT, what follows is returned as `tunnel`.
///
/// Errors    The DecodeErrors listed under HTTP.
using ResponseDecoder = FrameDecoder<Responses>;

}  // namespace protocols::http
#pragma GCC visibility pop
