// What changes the bytes between the user of a stream and its socket, such as TLS. Internal.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "reactor/result.hpp"
#include "reactor/tls_context.hpp"

namespace reactor::inline v0 {

/// Encodes and decodes the bytes of one stream. It has no socket and reads no clock: the stream
/// passes what it receives to decode(), and sends output() after each call.
///
///     filter.encode(plain);
///     filter.pop(send(filter.output()));
///
/// Thread    Between a call that encodes and pop(), no other filter of the thread may be used: they
///           share a buffer.
class StreamFilter {
 public:
  using Bytes = std::span<const std::byte>;

  enum class State : unsigned char {
    incomplete,  ///< More bytes are needed.
    data,        ///< `size` bytes for the user.
    secured,     ///< The handshake is complete: on_secured is due.
    ended,       ///< The peer has ended its side in order.
    failed,      ///< See error(). output() may have an alert for the peer.
    broken,      ///< The socket has failed. decode() does not return this.
  };
  struct Decoded {
    State state = State::incomplete;
    std::size_t size = 0;
    int socket_error = 0;
  };

  /// As much as may have been received of a record that is not complete.
  static constexpr std::size_t headroom_bytes = 20 * 1024;

  /// What encode() takes at once.
  static constexpr std::size_t most_encoded_bytes = 64 * 1024;

  virtual ~StreamFilter() = default;

  /// A client begins the handshake. `clear` bytes, written before, are sent first as they are.
  virtual void start(Bytes clear) = 0;

  /// Decodes what was received, or what is kept if nothing was, and puts the bytes for the user
  /// `to` a place that may overlap `received`, if that begins headroom_bytes later. Bytes behind
  /// those that complete the handshake are kept for the next call. Data is returned before the end
  /// or error that follows it.
  [[nodiscard]] virtual Decoded decode(std::byte* to, Bytes received) = 0;
  /// There is something to decode or to report without receiving more.
  [[nodiscard]] virtual bool has_input() const = 0;
  /// The connection has ended without the end that the protocol demands, or in order after it.
  [[nodiscard]] virtual Decoded decode_end() = 0;

  /// Returns how many bytes it took; fewer than all after an error only, or beyond
  /// most_encoded_bytes.
  [[nodiscard]] virtual std::size_t encode(Bytes plain) = 0;
  /// Encodes the end of the stream, once.
  virtual void encode_end() = 0;

  /// What is to be sent; empty if nothing is.
  [[nodiscard]] virtual Bytes output() const = 0;
  /// `sent` bytes of it are sent; the rest is kept.
  virtual void pop(std::size_t sent) = 0;

  [[nodiscard]] virtual const Error& error() const = 0;
  [[nodiscard]] virtual const TlsInfo& info() const = 0;
};

/// Makes the filters of streams.
class TlsContext::State {
 public:
  virtual ~State() = default;
  /// `name`: the server that a client expects.
  [[nodiscard]] virtual Result<std::unique_ptr<StreamFilter>> make_filter(
      std::string_view name) = 0;
  [[nodiscard]] virtual Result<void> reload() = 0;
  [[nodiscard]] virtual Duration handshake_timeout() const = 0;
};

}  // namespace reactor
