// The server's side of an HTTP/1.1 connection: what may follow what, without a socket. What is left
// to its user is to move bytes, and to answer.
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

namespace protocols::http {

struct ServerConnectionOptions {
  Limits limits;
  /// Sent with every answer, those that next() gives included: Date, Server. It may change, and
  /// lives as long as the connection.
  const FieldLines* with_every_answer = nullptr;
};

/// Takes requests, and writes the answers to them in the same order to an `out` that its user
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
/// A request may be answered at any time from its head on, also long after next() has returned. The
/// next one comes when the answer is complete, so that answers never overtake each other. What an
/// answer leaves unread of its request is passed over, or the connection ends with the answer.
///
/// Its own business: Content-Length, Transfer-Encoding and Connection, which no list of fields may
/// name; no body after HEAD, 204 and 304; keep-alive for HTTP/1.0 and 1.1; 100 (Continue), at the
/// first next() behind a head that has not been answered (to answer before says that the body is
/// not wanted); one error answer to a request that cannot be read, and nothing after it.
///
/// Lifetime  As a decoder's: the bytes that were fed stay valid until next() has returned nothing,
///           or until copy_tail().
/// Cost      Whole requests, answered as they come, cost no allocation. While an answer is awaited,
///           what is fed is kept: better to read no more then (phase()).
class ServerConnection {
 public:
  enum class Phase : unsigned char {
    idle,    ///< Nothing has come of the next request.
    head,    ///< A part of its head.
    body,    ///< Its head, and not all of its body.
    answer,  ///< All of it; the answer is not complete.
    over,    ///< should_close()
  };

  explicit ServerConnection(ServerConnectionOptions options = {})
      : decoder_(options.limits), with_every_answer_(options.with_every_answer) {}

  /// Takes the next bytes of the stream.
  void feed(Bytes bytes) {
    if (!over_) decoder_.feed(bytes);
  }

  /// What has come of a request, or nothing until more was fed or the answer is complete.
  [[nodiscard]] std::optional<RequestEvent> next(std::vector<std::byte>& out);

  /// Copies what was fed and is not consumed yet.
  void copy_tail() { decoder_.copy_tail(); }

  /// The client sends no more. What it has asked for can still be answered.
  void finish() { ended_ = true; }

  /// A whole answer. False where a field or the status cannot be sent, or is not the caller's to
  /// set: the answer is 500 then, and complete. So it is for begin_response() and
  /// write_informational().
  bool respond(std::vector<std::byte>& out, int status, FieldList fields = {}, Bytes body = {});

  /// Begins an answer with a body of `length` bytes; without a length it is sent in chunks, or
  /// ended by the end of the connection to a client that knows no chunks.
  bool begin_response(std::vector<std::byte>& out, int status, FieldList fields = {},
                      std::optional<std::uint64_t> length = {});

  /// Whether the body is sent at all: not to HEAD, nor with 204 and 304.
  [[nodiscard]] bool sends_body() const { return answer_ == Answer::begun && has_body_; }

  /// The next piece of the body. Does nothing where there is no body to be sent.
  void write_body(std::vector<std::byte>& out, Bytes piece);

  /// As many bytes of a body of known length have been sent without passing through here, as files
  /// are.
  void count_body(std::uint64_t size);

  /// Ends the answer. One that is shorter than it said ends the connection. Trailers go with a
  /// chunked body only; false where they are not sendable, and the body is left without its end.
  bool end_response(std::vector<std::byte>& out, FieldList trailers = {});

  /// An informational answer ahead of the final one: 103 (Early Hints). Nothing to HTTP/1.0.
  bool write_informational(std::vector<std::byte>& out, int status, FieldList fields = {});

  /// Agrees to a CONNECT, or to an upgrade to `protocol`; to be called at the end of the request.
  /// From then on next() tells of what comes as `tunnel`, and the connection is the caller's.
  bool switch_protocol(std::vector<std::byte>& out, std::string_view protocol,
                       FieldList fields = {});

  /// Answers with an error if nothing of an answer was sent, and ends the connection: 408 to a
  /// client that takes too long.
  void refuse(std::vector<std::byte>& out, int status);

  /// The present answer, or the next, is the last.
  void close_after_answer() { close_ = true; }

  /// When what was written to `out` has been sent, the connection is to be closed.
  [[nodiscard]] bool should_close() const { return over_; }

  [[nodiscard]] Phase phase() const;

  /// What was wrong with a request; its answer is written already.
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

  // What was said in the head of the present request.
  struct Asked {
    bool head = false;
    bool connect = false;
    bool upgrade = false;
    bool http_1_0 = false;
    bool awaits_continue = false;
    bool little_to_read = true;
  };

  Request request_ = Request::none;
  Answer answer_ = Answer::none;
  Asked asked_;
  Framing framing_ = Framing::none;  // Of the answer.
  bool has_body_ = false;
  bool last_ = false;
  std::uint64_t left_ = 0;  // Of a body of known length.

  bool close_ = false;  // By the server's choice.
  bool ended_ = false;
  bool switched_ = false;
  bool over_ = false;
};

}  // namespace protocols::http
