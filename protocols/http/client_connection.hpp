// The client's side of an HTTP/1.1 connection: which requests may be sent when, and what the bytes
// that come back mean. Without a socket.
//
//     request(), or begin_request(), write_body() …, end_request() ─▶ out ─▶ bytes out
//     head, body …, end ◀── next() ◀── feed() ◀── bytes in
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "protocols/bytes.hpp"
#include "protocols/error.hpp"
#include "protocols/http/encoder.hpp"
#include "protocols/http/message.hpp"
#include "protocols/http/response_decoder.hpp"

namespace protocols::http {

/// Sends requests to one host and tells the responses, which come in the order of the requests.
///
///     ClientConnection http("example.org");
///     http.request(out, "GET", "/");
///     stream.write(out);
///     ...
///     http.feed(bytes);
///     while (const auto event = http.next()) { … }
///     if (http.should_close()) stream.close();
///
/// Requests may be sent one behind the other without waiting (pipelining), as long as
/// can_request(). Informational responses come as messages of their own, ahead of the final one.
///
/// Its own business: Host, Content-Length, Transfer-Encoding and Connection, of which no list of
/// fields may name the latter three; what a response means to which request; whether the connection
/// can be used again.
///
/// Lifetime  As a decoder's: the bytes that were fed stay valid until next() has returned nothing,
///           or until copy_tail().
class ClientConnection {
 public:
  /// `host` is the value of Host: `example.org`, `[::1]:8080`.
  explicit ClientConnection(std::string host, Limits limits = {})
      : host_(std::move(host)), decoder_(limits) {}

  /// Whether a request may follow: not behind one that is unfinished, the last one, or one that may
  /// end HTTP here, nor where the server has said that it closes.
  [[nodiscard]] bool can_request() const {
    return !over_ && !last_ && !begun_ && !tunnels_ && !closes_;
  }

  /// A whole request; can_request() must hold. False, and nothing is written, where something in
  /// it cannot be sent. An Upgrade field asks for an upgrade.
  [[nodiscard]] bool request(std::vector<std::byte>& out, std::string_view method,
                             std::string_view target, FieldList fields = {}, Bytes body = {});

  /// Begins a request with a body of `length` bytes, or without a length in chunks. With the field
  /// `Expect: 100-continue` the body is to wait for a response of status 100.
  [[nodiscard]] bool begin_request(std::vector<std::byte>& out, std::string_view method,
                                   std::string_view target, FieldList fields = {},
                                   std::optional<std::uint64_t> length = {});
  void write_body(std::vector<std::byte>& out, Bytes piece);

  /// False where the body is shorter than announced, or a trailer is not sendable: nothing that is
  /// sent after it would be understood, and the connection is over.
  bool end_request(std::vector<std::byte>& out, FieldList trailers = {});

  /// The next request is the last, and says so.
  void close_after_request() { close_ = true; }

  void feed(Bytes bytes) {
    if (!over_) decoder_.feed(bytes);
  }

  /// What has come of a response. What follows an upgrade, or a CONNECT, comes as `tunnel`.
  [[nodiscard]] std::optional<ResponseEvent> next();

  void copy_tail() { decoder_.copy_tail(); }

  /// The server sends no more: next() may have the end of a body that nothing else ends.
  void finish();

  /// Requests without a complete response. Once the connection is over they will get none.
  [[nodiscard]] std::size_t unanswered() const { return unanswered_; }

  /// Nothing more will come: the connection is to be closed.
  [[nodiscard]] bool should_close() const { return over_; }

  /// What was wrong with a response.
  ///
  /// Errors    Those of ResponseDecoder; truncated: the server closed inside a response;
  ///           unsolicited_response: it sent something that answers no request, or switches to a
  ///           protocol.
  [[nodiscard]] std::error_code error() const { return error_; }

 private:
  void note(const ResponseEvent& event);
  std::nullopt_t run_dry();
  std::nullopt_t fail(std::error_code error);

  std::string host_;
  ResponseDecoder decoder_;
  std::error_code error_;
  std::size_t unanswered_ = 0;
  std::optional<std::uint64_t> left_;  // Of the body of a request; without a value it is chunked.
  bool begun_ = false;                 // A request whose body is unfinished.
  bool close_ = false;                 // By the client's choice.
  bool last_ = false;                  // What was requested last is the last.
  bool tunnels_ = false;               // What was requested last may lead to a tunnel.
  bool final_ = false;                 // It is not an informational one.
  bool closes_ = false;                // Nothing follows it.
  bool ended_ = false;
  bool over_ = false;
};

}  // namespace protocols::http
