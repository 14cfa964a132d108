// The receiving half of a stream, which reads as long as the other half permits. Internal.
#pragma once

#include <cstddef>
#include <cstdint>

#include "reactor/callback.hpp"
#include "reactor/stream_output.hpp"

namespace reactor::inline v0 {

/// Reads what arrives, and registers what the stream waits for.
class StreamInput : public StreamOutput {
 public:
  // The state of the stream. Nine of these stop reading; one test checks them all.
  enum Flag : std::uint32_t {
    connecting = 1 << 0,
    readable = 1 << 1,     // The kernel may have more to read; an edge does not report it again.
    end_is_near = 1 << 2,  // So check for it after the last byte.
    ended = 1 << 3,        // The peer's end was read.
    no_reader = 1 << 4,    // There is no on_data.
    paused = 1 << 5,       // By the user.
    throttled = 1 << 6,    // By what is queued, if the limits require it.
    closing = 1 << 7,
    broken = 1 << 8,  // With an error, which on_close has yet to report.
    closed = 1 << 9,
    undelivered = 1 << 10,  // A layer above has more for the user.
    on_data_replaced = 1 << 11,
    unreachable = 1 << 12,  // For now: no socket, or the backlog of its unix peer is full.
    accepted = 1 << 13,     // By the user of a server.
    level_triggered = 1 << 14,
    filtered = 1 << 15,          // What is received passes through the filter.
    handshaking = 1 << 16,       // The filter is not ready for the bytes of the user.
    newly_secured = 1 << 17,     // No byte that passed through the filter has been delivered yet.
    with_descriptors = 1 << 18,  // They are received with the bytes.
  };
  static constexpr unsigned not_reading =
      connecting | handshaking | ended | no_reader | paused | throttled | closing | broken | closed;

  [[nodiscard]] bool is(unsigned any) const { return (flags_ & any) != 0; }
  void set(unsigned all) { flags_ |= all; }
  void clear(unsigned all) { flags_ &= ~all; }
  [[nodiscard]] bool reads() const { return !is(not_reading); }

  // ---- For the user of the stream

  void on_data(Callback<void(Bytes)> on_data);
  void pause();
  void resume();
  /// With the bytes, from now on.
  void receive_descriptors(std::size_t most_waiting);

  /// Registers what this stream waits for. An edge-triggered registration is for all input for its
  /// whole life, and for output from the first time that the kernel was full.
  void update_interest();

 protected:
  StreamInput(Engine& engine, Socket socket, const Address& peer);

  /// Reads once, and again as long as there is more.
  void read();

  /// Calls on_data. Returns false when the stream no longer exists.
  [[nodiscard]] bool deliver(Bytes bytes);

  /// Delivers what the peer sent before the connection broke. Returns false when the stream no
  /// longer exists, or continues in the next iteration.
  [[nodiscard]] bool deliver_rest();

  /// Receives once and passes it through the filter. Sends what the filter responds with.
  [[nodiscard]] StreamFilter::Decoded receive_filtered();

  /// Reads without delivering, up to the peer's end, and returns the error that it finds.
  [[nodiscard]] Error discard();

  void set_limits(const SharedLimits& limits);

  /// A read failed. The consequences may happen immediately.
  virtual void on_input_failed(Error error) = 0;

 private:
  /// The poller reports something other than input that on_data waits for.
  virtual void on_anything_ready(unsigned happened) = 0;
  /// The peer's end was read.
  virtual void on_input_ended() = 0;
  /// The filter refuses what was received, and has sent the reason to the peer.
  virtual void on_input_refused(Error error) = 0;

  void on_ready(unsigned happened) final;
  [[nodiscard]] std::ptrdiff_t receive();
  [[nodiscard]] std::ptrdiff_t receive_otherwise();
  [[nodiscard]] std::ptrdiff_t receive_descriptors();
  [[nodiscard]] Error receive_error(int number);
  void take(std::ptrdiff_t received);
  void read_nothing(int error);
  void read_filtered();
  [[nodiscard]] bool deliver_rest_filtered();
  void update_level();

  [[nodiscard]] std::uint32_t first_bytes() const;
  [[nodiscard]] std::uint32_t share_bytes() const;
  [[nodiscard]] std::uint32_t most_bytes(std::size_t size) const;

  std::uint32_t flags_;
  std::uint32_t read_bytes_;
  Callback<void(Bytes)> on_data_;
};

}  // namespace reactor
