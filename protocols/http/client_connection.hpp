// The client's side of an HTTP/1.1 connection: which requests may be sent when, and what the
// received bytes mean. Without a socket.
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

#pragma GCC visibility push(default)
namespace protocols::inline v0::http {

/// Sends requests to one host and reports the responses, which arrive in the order of the requests.
///
///     ClientConnection http("example.org");
///     http.request(out, "GET", "/");
///     stream.write(out);
///     ...
///     http.feed(bytes);
///     while (const auto event = http.next()) { … }
///     if (http.should_close()) stream.close();
///
/// Requests may be sent one after the other without waiting (pipelining), as long as can_request().
/// Informational responses are separate messages, before the final one.
///
/// It writes Host, Content-Length, Transfer-Encoding and Connection itself; no list of fields may
/// contain the latter three. It assigns each response to its request, and determines whether the
/// connection can be used again.
///
/// Lifetime  As a decoder's: the bytes that were fed stay valid until next() has returned nothing,
///           or until copy_tail().
class ClientConnection {
 public:
  /// `host` is the value of Host: `example.org`, `[::1]:8080`.
  explicit ClientConnection(std::string host, Limits limits = {})
      : host_(std::move(host)), decoder_(limits) {}

  /// Whether a request may follow. False after one that is unfinished, the last one, or one that
  /// may end HTTP here, and if the server has announced that it closes.
  [[nodiscard]] bool can_request() const {
    return !over_ && !last_ && !begun_ && !tunnels_ && !closes_;
  }

  /// Sends a whole request; can_request() must hold. Returns false, and writes nothing, if a part
  /// of it cannot be sent. An Upgrade field requests an upgrade.
  [[nodiscard]] bool request(std::vector<std::byte>& out, std::string_view method,
                             std::string_view target, FieldList fields = {}, Bytes body = {});

  /// Begins a request with a body of `length` bytes, or without a length in chunks. With the field
  /// `Expect: 100-continue` the caller should wait for a response of status 100 before the body.
  [[nodiscard]] bool begin_request(std::vector<std::byte>& out, std::string_view method,
                                   std::string_view target, FieldList fields = {},
                                   std::optional<std::uint64_t> length = {});
  void write_body(std::vector<std::byte>& out, Bytes piece);

  /// Returns false if the body is shorter than announced, or a trailer cannot be sent. The
  /// connection is over then, since nothing that is sent after that would be understood.
  bool end_request(std::vector<std::byte>& out, FieldList trailers = {});

  /// The next request is the last, and contains `Connection: close`.
  void close_after_request() { close_ = true; }

  void feed(Bytes bytes) {
    if (!over_) decoder_.feed(bytes);
  }

  /// Returns the next part of a response. What follows an upgrade, or a CONNECT, is a `tunnel`.
  [[nodiscard]] std::optional<ResponseEvent> next();

  void copy_tail() { decoder_.copy_tail(); }

  /// The server sends no more: next() may return the end of a body that ends with the connection.
  void finish();

  /// Requests without a complete response. Once the connection is over they will get none.
  [[nodiscard]] std::size_t unanswered() const { return unanswered_; }

  /// Nothing more will be received: close the connection.
  [[nodiscard]] bool should_close() const { return over_; }

  /// What was wrong with a response.
  ///
  /// Errors    Those of ResponseDecoder; truncated: the server closed inside a response;
  ///           unsolicited_response: it sent something without a request, or switches to a protocol
  ///           that was not requested.
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
  bool begun_ = false;                 // There is a request whose body is unfinished.
  bool close_ = false;                 // By the client's choice.
  bool last_ = false;                  // The last request that was sent is the last one.
  bool tunnels_ = false;               // The last request may lead to a tunnel.
  bool final_ = false;                 // The response is not an informational one.
  bool closes_ = false;                // No response follows this one.
  bool ended_ = false;
  bool over_ = false;
};

}  // namespace protocols::http
#pragma GCC visibility pop
