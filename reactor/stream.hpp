// A byte stream: TCP or unix, accepted or connected, with buffered output.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/callback.hpp"
#include "reactor/connect_options.hpp"
#include "reactor/descriptor.hpp"
#include "reactor/duration.hpp"
#include "reactor/file.hpp"
#include "reactor/handle.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"
#include "reactor/socket.hpp"
#include "reactor/stream_limits.hpp"
#include "reactor/tls_context.hpp"
#include "reactor/write_status.hpp"

namespace reactor::inline v0 {
class StreamOutbox;

#pragma GCC visibility push(default)

/// Internal: called by Stream::accept().
class AcceptObserver {
 public:
  virtual void on_accepted() = 0;

 protected:
  ~AcceptObserver() = default;
};

/// A connection, owned.
///
///     stream.on_data([&](std::span<const std::byte> bytes) { stream.write(bytes); });
///     stream.on_close([&](const Error& error) { … });
///
/// When bytes that were written will not be sent, the peer receives a reset, so that it never takes
/// an incomplete response for a complete one. Unix sockets have no reset: there the peer sees an
/// end.
///
/// Lifetime  Destroying the Stream closes the connection immediately, without on_close; what is
///           still queued is lost (close() loses nothing). Every call is legal in every callback.
/// Thread    The loop's thread only, except for Sender.
/// Cost      About 150 bytes while idle: the read buffer belongs to the loop. What is written
///           inside a callback leaves in one system call when the callback returns; a write of 4
///           KiB or more leaves immediately, after what was written before.
class Stream {
 public:
  using Bytes = std::span<const std::byte>;
  class Sender;
  class Delivery;

  /// Takes over a connected socket. Passing its `peer`, which is for error texts only, saves a
  /// system call.
  Stream(Loop& loop, Socket socket);
  Stream(Loop& loop, Socket socket, const Address& peer);

  /// Starts to connect to `peer`. Calls on_connect when that is done, or on_close when it fails.
  /// Bytes written before are sent once it is connected.
  ///
  /// Errors    Those known without waiting: too_many_files_open, network_unreachable, for a unix
  ///           path connection_refused and no_such_file_or_directory.
  [[nodiscard]] static Result<Stream> connect(Loop& loop, const Address& peer,
                                              Duration timeout = ConnectOptions().timeout);

  /// Starts to connect to `HOST:PORT`, the host by name or numeric, or to `unix:PATH`. The name is
  /// looked up without blocking, and its addresses are tried as RFC 8305 defines: IPv6 and IPv4
  /// alternate, and the next attempt starts when the one before has failed or has taken
  /// attempt_delay. The first that connects is the stream's; the others are closed. Before
  /// on_connect, socket() owns nothing.
  ///
  ///     Stream stream = Stream::connect(loop, "example.org:http");
  ///     stream.write("GET / HTTP/1.0\r\nHost: example.org\r\n\r\n");  // sent once it is connected
  ///     stream.on_data(show);
  ///     stream.on_close([](const Error& error) { if (error) complain(error.message()); });
  ///
  /// Errors    All are reported by on_close: those of Lookup, and of connecting the address that
  ///           failed last; Error::hint names the addresses before it, and their errors.
  [[nodiscard]] static Stream connect(Loop& loop, std::string_view endpoint,
                                      const ConnectOptions& options = {});

  /// The same for known addresses, in the order in which to try them.
  [[nodiscard]] static Stream connect(Loop& loop, std::vector<Address> addresses,
                                      const ConnectOptions& options = {});

  /// Bytes have arrived. They are valid until the callback returns. Without on_data nothing is
  /// read, not even the peer's end.
  void on_data(Callback<void(Bytes)> on_data);

  /// The peer has shut down its side and sends no more; it may still read. Without on_end the
  /// stream is then closed, as by close().
  void on_end(Callback<void()> on_end);

  /// Called when more than half of what made write() return `above_high_water` is sent.
  void on_drained(Callback<void()> on_drained);

  /// The connection has ended: called exactly once, last, and not after destruction. An empty Error
  /// means that both sides ended it in order and no output was lost.
  void on_close(Callback<void(const Error&)> on_close);

  /// See connect().
  void on_connect(Callback<void()> on_connect);

  /// Protects the connection by TLS from now on: what was written before is sent in clear, what is
  /// written later is encrypted, and waits until the handshake is complete. Call it right after the
  /// stream is made, also while it connects, or later, as STARTTLS does. A client names the server
  /// that it expects, a host name or an IP address; a server names nothing.
  ///
  ///     Stream stream = Stream::connect(loop, "example.org:https");
  ///     stream.secure(tls, "example.org");
  ///     stream.on_secured([](const TlsInfo& info) { log(info.version, info.cipher); });
  ///
  /// All other functions keep their meaning. on_end follows only the peer's close_notify; without
  /// it the connection ends with an error, since someone may have cut it off. TLS 1.2 peers often
  /// send nothing after they have received close_notify, that is, after shutdown().
  ///
  /// Bytes in clear that have arrived already, and that on_data has received, belong to the caller:
  /// a protocol with STARTTLS must refuse them. Framed does.
  ///
  /// Errors    By on_close: the peer is not verified, refuses, or does not complete the handshake
  ///           in time; invalid_argument for a name that no certificate can have, for a stream that
  ///           is secured already, or that has a file to send in clear.
  /// Cost      With OpenSSL 3.0 about 45 KiB during the handshake, and 20 to 27 KiB for an idle
  ///           connection.
  void secure(const TlsContext& context, std::string_view name = {});

  /// The handshake is complete and the peer is verified, as far as the context demands it.
  void on_secured(Callback<void(const TlsInfo&)> on_secured);

  /// Null unless the connection is secured.
  [[nodiscard]] const TlsInfo* tls_info() const;

  /// Sends `bytes` after all that was written before. All of them are taken, or the stream closes.
  WriteStatus write(Bytes bytes);
  WriteStatus write(std::string_view text) { return write(std::as_bytes(std::span(text))); }

  /// The same for several parts, one after another: a header, a payload, the bytes behind it.
  ///
  ///     stream.write({header, payload});
  WriteStatus write(std::span<const Bytes> parts);
  WriteStatus write(std::initializer_list<Bytes> parts) {
    return write(std::span(parts.begin(), parts.size()));
  }

  /// Room for `size` bytes: write() of it, or of its first bytes, copies nothing.
  ///
  ///     const std::span<std::byte> room = stream.reserve(message.size());
  ///     stream.write(room.first(message.encode(room)));
  ///
  /// Lifetime  Until the next call of a function of any Stream of the loop, or the callback's end.
  /// Cost      An allocation for more than 16 KiB, or outside of callbacks.
  [[nodiscard]] std::span<std::byte> reserve(std::size_t size);

  /// What a write() would return that has nothing to send: `closed`, or whether output waits.
  [[nodiscard]] WriteStatus write_status() const;

  /// Sends `size` bytes of `file`, from `offset` on, after all that was written before. The kernel
  /// copies them directly from its page cache (sendfile). What is written after it waits for it. If
  /// the file is shorter, the stream is closed, since the peer expects more. An error of the file
  /// names the file.
  ///
  /// Lifetime  The file is closed once it is sent, or with the stream.
  /// Cost      No memory for the file's bytes, which count for `above_high_water` but not for
  ///           max_queued_bytes. At most 1 MiB an iteration, so that one peer that reads fast does
  ///           not delay others. Bytes that are not in the page cache are read from disk on the
  ///           loop's thread.
  WriteStatus write_file(File file, std::uint64_t offset, std::uint64_t size);

  /// Sends `bytes`, at least one, and with the first of them `descriptors`, over a unix socket and
  /// in clear. They are duplicated into the process of the peer, and closed here once they are sent,
  /// or with the stream.
  ///
  ///     stream.write_descriptors(std::move(files), "two files\n");
  ///
  /// Errors    By on_close: operation_not_supported: another kind of socket, or TLS;
  ///           no_buffer_space: more than 253, or more than 1,024 that wait for the peer to read.
  WriteStatus write_descriptors(std::vector<Descriptor> descriptors, Bytes bytes);
  WriteStatus write_descriptors(std::vector<Descriptor> descriptors, std::string_view text) {
    return write_descriptors(std::move(descriptors), std::as_bytes(std::span(text)));
  }

  /// Receives descriptors, too. Without it the kernel closes those that a peer sends.
  ///
  ///     stream.receive_descriptors(4);
  ///     stream.on_data([&](auto) { if (auto got = stream.take_descriptor()) log_to(std::move(got)); });
  ///
  /// A descriptor waits until take_descriptor() or the end of the Stream. It is there when on_data
  /// receives the byte with which it was sent. One that arrives while `most_waiting` wait ends the
  /// connection, and closes them.
  ///
  /// Errors    By on_close: no_buffer_space: more than may wait; too_many_files_open: this process
  ///           had no room for some of them, and they are lost.
  /// Cost      Another system call for each read, and a read ends with the bytes of a message.
  void receive_descriptors(std::size_t most_waiting = 16);

  /// The one that waits longest; owns nothing if none waits. They arrive in the order in which they
  /// were sent.
  [[nodiscard]] Descriptor take_descriptor();

  /// Sends what is queued, then the end of the stream. The peer's bytes still arrive.
  void shutdown();

  /// Ends the connection without losing what was written: sends what is queued, then the end of the
  /// stream, and waits for the peer's end, discarding what it sends. on_close follows.
  ///
  /// `timeout` limits the time without progress: it starts again whenever bytes are sent,
  /// acknowledged or received. When it expires, on_close reports timed_out. A peer that has
  /// received everything may continue to send for StreamLimits::discard_timeout. max(): no timeout.
  ///
  /// A stream that is connecting and has something to send connects first, within `timeout` and
  /// without on_connect; one that has nothing to send ends with operation_canceled.
  void close(Duration timeout);
  void close();  ///< With StreamLimits::close_timeout.

  /// Like close(), for `reason`, which on_close reports.
  void fail(Error reason);

  /// Ends the connection immediately by a reset to the peer; on_close follows.
  void abort();

  /// Stops reading until resume(); the kernel then stops the peer from sending. A reset is still
  /// noticed: it closes the stream, and what the peer sent before is lost. The peer's end is not
  /// reported before resume(), since the peer may still read: see peer_has_ended().
  void pause();
  void resume();

  /// What is written and not yet taken by the kernel, except what write_file() has yet to send.
  [[nodiscard]] std::size_t queued_bytes() const;

  void set_limits(const StreamLimits& limits);
  void set_limits(const SharedLimits& limits);

  /// False while the stream waits for its user and not for the peer: paused, without on_data, or
  /// stopped by its own output. False also once it has ended or closes.
  [[nodiscard]] bool is_reading() const;

  /// Whether the peer has shut down its side or is gone, also while the stream is paused and has
  /// not read that far. A peer that has closed its socket looks the same until something is sent to
  /// it, to which it responds with a reset. A program may serve other peers first from then on.
  [[nodiscard]] bool peer_has_ended() const;

  /// Whether anything has arrived, bytes or the peer's end, that was not passed on yet. What a
  /// request over a connection without a request finds there is not its response.
  ///
  /// Cost      A system call.
  [[nodiscard]] bool has_input() const;

  /// Whether Loop::run continues because of this stream, as it does at first. For connections that
  /// are kept for later use.
  void keep_loop_running(bool keep);

  // ---- For idle timeouts

  /// Counts as progress: the user of the stream knows that the connection is in use.
  void touch();

  /// How long nothing has moved: no bytes received, sent or acknowledged, no touch(). Zero while
  /// the stream itself does not read: after pause(), without on_data, above the high-water mark.
  /// Measured only while a timer of the loop is running, to the precision of an iteration.
  ///
  /// Cost      A system call.
  [[nodiscard]] Duration quiet_for() const;

  /// Whether bytes have moved in either direction since the stream was made, or touch() was called.
  [[nodiscard]] bool has_progressed() const;

  // ---- For servers that know their clients

  /// The program has accepted the peer, for example because it has logged in. On a stream of a
  /// Server with ServerOptions::unaccepted_timeout this ends the time in which the connection may
  /// be closed to make room for another; elsewhere it has no effect.
  void accept();

  [[nodiscard]] bool is_accepted() const;

  /// Internal. One at a time; nullptr for none.
  void observe_accept(AcceptObserver* observer);

  /// For its options and addresses.
  [[nodiscard]] Socket& socket();

  /// A way to write from other threads.
  [[nodiscard]] Sender sender() const;

  /// For a layer between the stream and its user, such as framed.hpp.
  [[nodiscard]] Delivery delivery() const;

  /// The name by which Metrics and watch_slow_callbacks() report it.
  void set_name(std::string_view name);

 private:
  struct [[gnu::visibility("hidden")]] State;

  explicit Stream(Handle<State> state) : state_(std::move(state)) {}

  Handle<State> state_;
};

/// The interface for a layer that turns bytes into something else and passes that on, piece by
/// piece, inside on_data or on_end. Unlike the Stream itself it may be used after one of the pieces
/// has led to the end of the Stream, but not after the callback has returned.
class Stream::Delivery {
 public:
  /// False once the stream is destroyed, closed, closing or paused, holds too much output, or has
  /// got another on_data: then pass on nothing more.
  [[nodiscard]] bool goes_on() const;

  /// No byte has arrived since the stream was secured: what the layer still has arrived in clear.
  [[nodiscard]] bool is_newly_secured() const;

  /// There is more to pass on: calls on_data, with no bytes, as soon as the stream continues.
  void call_again();

  void close();
  void fail(Error reason);

 private:
  friend class Stream;
  explicit Delivery(State* state) : state_(state) {}
  State* state_;
};

/// Writes to a Stream from any thread, in the order of the calls. May be copied.
///
///     const WriteStatus status = sender.write(line);
///     if (status == WriteStatus::above_high_water) sender.once_drained([&] { … });
///
/// Lifetime  May outlive the Stream, not the Loop.
class Stream::Sender {
 public:
  /// Copies `text`. Returns `queued`, or `above_high_water`: then write no more until
  /// once_drained() calls back. Returns `refused` if max_queued_bytes would be exceeded, counting
  /// also what the stream itself has queued, and `closed` also once the stream is destroyed.
  WriteStatus write(std::string_view text) const;

  /// Calls `callback` once, on the loop's thread, when no more than half of the high-water mark
  /// waits, or the stream is closed.
  void once_drained(Callback<void()> callback) const;

 private:
  friend class Stream;
  explicit Sender(std::shared_ptr<StreamOutbox> outbox) : outbox_(std::move(outbox)) {}
  std::shared_ptr<StreamOutbox> outbox_;
};

}  // namespace reactor
#pragma GCC visibility pop
