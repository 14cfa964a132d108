// The server's side of an HTTP/1.1 connection: which messages may follow each other, without a
// socket. Its user moves the bytes and responds.
//
//     bytes in ─▶ feed() ─▶ next() ─▶ head, body …, end        of one request after the other
//     bytes out ◀── out ◀── respond(), or begin_response(), write_body() …, end_response()
#pragma once

#include <cstdint>
#include <optional>
#include <system_error>
#include <vector>

#include "protocols/bytes.hpp"
#include "protocols/http/encoder.hpp"
#include "protocols/http/message.hpp"
#include "protocols/http/request_decoder.hpp"

#pragma GCC visibility push(default)
namespace protocols::inline v0::http {

/// What a ServerConnection accepts, and what it sends with every response.
struct ServerConnectionOptions {
  Limits limits;
  /// Sent with every response, including those that next() writes: Date, Server. It may change, and
  /// must live as long as the connection.
  const FieldLines* with_every_answer = nullptr;
};

/// Takes requests, and writes the responses to them in the same order to an `out` that its user
/// sends.
///
///     http.feed(bytes);
///     while (const auto event = http.next(out)) {
///       if (event->kind != RequestEvent::Kind::end) continue;
///       http.respond(out, 200, {{"Content-Type", "text/plain"}}, protocols::as_bytes("hello\n"));
///     }
///     stream.write(out);
///     if (http.should_close()) stream.close();
///
/// A response may be written at any time after the head of its request, also long after next() has
/// returned. The next request is returned when the response is complete, so that responses never
/// overtake each other. The part of a request that is still unread after its response is discarded,
/// or the connection ends with the response.
///
/// It writes Content-Length, Transfer-Encoding and Connection itself; no list of fields may contain
/// them. It sends no body after HEAD, 204 and 304. It handles keep-alive for HTTP/1.0 and 1.1. It
/// sends 100 (Continue) at the first next() after a head that has no response yet; an earlier
/// response means that the body is not wanted. It sends one error response to a request that cannot
/// be read, and nothing after it.
///
/// Lifetime  As a decoder's: the bytes that were fed stay valid until next() has returned nothing,
///           or until copy_tail().
/// Cost      Whole requests that get their response immediately cost no allocation. While a
///           response is missing, what is fed is kept: stop reading then (phase()).
class ServerConnection {
 public:
  /// What of the current request has arrived.
  enum class Phase : unsigned char {
    idle,    ///< Nothing of the next request has arrived.
    head,    ///< A part of its head has arrived.
    body,    ///< Its head has arrived, and not all of its body.
    answer,  ///< All of it has arrived; the response is not complete.
    over,    ///< should_close()
  };

  ServerConnection() : ServerConnection(ServerConnectionOptions()) {}
  explicit ServerConnection(ServerConnectionOptions options)
      : decoder_(options.limits), with_every_answer_(options.with_every_answer) {}

  /// Takes the next bytes of the stream.
  void feed(Bytes bytes) {
    if (!over_) decoder_.feed(bytes);
  }

  /// Returns the next part of a request, or nothing until more is fed or the response is complete.
  [[nodiscard]] std::optional<RequestEvent> next(std::vector<std::byte>& out);

  /// Copies what was fed and is not consumed yet.
  void copy_tail() { decoder_.copy_tail(); }

  /// The client sends no more. Its requests can still get their responses.
  void finish() { ended_ = true; }

  /// Writes a whole response. Returns false if a field or the status cannot be sent, or may not be
  /// set by the caller: then the response is 500, and complete. The same applies to
  /// begin_response() and write_informational().
  bool respond(std::vector<std::byte>& out, int status, FieldList fields = {}, Bytes body = {});

  /// Begins a response with a body of `length` bytes. Without a length it is sent in chunks, or, to
  /// a client that does not know chunks, up to the end of the connection.
  bool begin_response(std::vector<std::byte>& out, int status, FieldList fields = {},
                      std::optional<std::uint64_t> length = {});

  /// Whether the body is sent at all: not to HEAD, nor with 204 and 304.
  [[nodiscard]] bool sends_body() const { return answer_ == Answer::begun && has_body_; }

  /// Writes the next piece of the body. Does nothing if no body is sent.
  void write_body(std::vector<std::byte>& out, Bytes piece);

  /// Counts bytes of a body of known length that were sent in another way, such as from a file.
  void count_body(std::uint64_t size);

  /// Ends the response. If it is shorter than announced, the connection ends. Trailers are sent
  /// only with a chunked body; returns false if they cannot be sent, and then the body has no end.
  bool end_response(std::vector<std::byte>& out, FieldList trailers = {});

  /// Writes an informational response before the final one: 103 (Early Hints). Nothing to HTTP/1.0.
  bool write_informational(std::vector<std::byte>& out, int status, FieldList fields = {});

  /// Accepts a CONNECT, or an upgrade to `protocol`; call it at the end of the request. From then
  /// on next() returns what arrives as `tunnel`, and the caller controls the connection.
  bool switch_protocol(std::vector<std::byte>& out, std::string_view protocol,
                       FieldList fields = {});

  /// Responds with an error if nothing of a response was sent, and ends the connection: 408 to a
  /// client that takes too long.
  void refuse(std::vector<std::byte>& out, int status);

  /// The current response, or the next one, is the last.
  void close_after_answer() { close_ = true; }

  /// Close the connection when what was written to `out` has been sent.
  [[nodiscard]] bool should_close() const { return over_; }

  [[nodiscard]] Phase phase() const;

  /// What was wrong with a request; its response is already written.
  [[nodiscard]] std::error_code error() const { return decoder_.error(); }

 private:
  enum class Request : unsigned char { none, begun, whole };
  enum class Answer : unsigned char { none, begun, complete };

  void take_head(const RequestHead& head);
  [[nodiscard]] bool begin_next_request();
  std::nullopt_t run_dry(std::vector<std::byte>& out);
  [[nodiscard]] bool passes_over_rest() const;
  bool write_head(std::vector<std::byte>& out, int status, FieldList fields,
                  std::optional<std::uint64_t> length, Bytes body = {});
  [[nodiscard]] bool can_answer() const;
  bool fail(std::vector<std::byte>& out);
  void complete_answer();

  RequestDecoder decoder_;
  const FieldLines* with_every_answer_;

  // From the head of the current request.
  struct RequestFacts {
    bool head = false;
    bool connect = false;
    bool upgrade = false;
    bool http_1_0 = false;
    bool awaits_continue = false;
    bool little_to_read = true;
  };

  Request request_ = Request::none;
  Answer answer_ = Answer::none;
  RequestFacts facts_;
  Framing framing_ = Framing::none;  // Of the response.
  bool has_body_ = false;
  bool last_ = false;
  std::uint64_t left_ = 0;  // Of a body of known length.

  bool close_ = false;  // By the server's choice.
  bool ended_ = false;
  bool switched_ = false;
  bool over_ = false;
};

}  // namespace protocols::http
#pragma GCC visibility pop
