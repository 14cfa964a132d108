// A decoder on a connection: messages that are awaited.
#pragma once

#include <cassert>
#include <memory>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include "reactor/coroutine/connection.hpp"
#include "reactor/coroutine/detail/compiler.hpp"
#include "reactor/framed.hpp"
#include "reactor/result.hpp"

namespace reactor::inline v0 {

/// Whole messages from a connection, however the network splits or joins them.
///
///     Task<> shout(Connection connection) {
///       Frames<protocols::LineDecoder> lines(connection);
///       while (auto line = co_await lines.next()) co_await connection.write(upper(*line) + "\n");
///     }
///
/// Lifetime  Destroying the Frames loses what it has received and not returned. It may outlive the
///           Connection. One at a time for each Connection, and no read() meanwhile.
/// Thread    The loop's thread only.
/// Cost      As Framed, until the task waits for something else than next().
template <Decoder D>
class Frames final : detail::InputTaker {
 public:
  using Frame = typename D::Frame;
  class Next;

  /// `received` are bytes that another decoder left over; they are copied and decoded first.
  explicit Frames(Connection& connection, D decoder = D(), std::span<const std::byte> received = {})
      : connection_(&connection.state()), decoder_(std::move(decoder)) {
    assert(!connection_->decoder && "two Frames use one connection");
    connection_->decoder = this;
    if (received.empty()) return;
    decoder_.feed(received);
    decoder_.copy_tail();
  }
  ~Frames() {
    if (destroyed_) *destroyed_ = true;
    if (waiting_) waiting_->cancel();
    if (!connection_) return;
    connection_->stop_waiting(*this);
    connection_->decoder = nullptr;
  }

  /// The next message. If it is a view, it is valid until the task waits, or calls next(). A next()
  /// that is cancelled loses no message and no byte.
  ///
  /// Errors    An Error without a code after the last message: the peer ended its side in order.
  ///           ended_inside_frame(); the decoder's errors; why the connection ended.
  [[nodiscard]] Next next() { return Next(*this); }

  /// For its settings, and for the bytes that are not part of a frame.
  [[nodiscard]] D& decoder() { return decoder_; }

 private:
  void take(Stream::Bytes bytes) override {
    bool destroyed = false;
    destroyed_ = &destroyed;
    decoder_.feed(bytes);
    waiting_->try_again();
    if (destroyed) return;
    destroyed_ = nullptr;
    // The task waits for something else, and the bytes are valid no longer.
    if (!waiting_) decoder_.copy_tail();
  }
  void take_end() override { waiting_->try_again(); }
  void take_nothing() override {
    connection_ = nullptr;
    if (waiting_) waiting_->cancel();
  }

  // Why there is no other message. Rare, so it is not inlined.
  [[nodiscard, gnu::noinline]] std::unique_ptr<Error> end() {
    const auto because = [](Error error) { return std::make_unique<Error>(std::move(error)); };
    if (const std::error_code error = decoder_.error()) return because({error, "decode"});
    if (!connection_) return because(detail::ConnectionState::canceled());
    if (connection_->error()) return because(connection_->error());
    return because(decoder_.at_boundary() ? Error() : Error{ended_inside_frame(), "decode"});
  }

  detail::ConnectionState* connection_;
  D decoder_;
  Next* waiting_ = nullptr;
  bool* destroyed_ = nullptr;
};

/// What next() returns: awaiting it returns the next frame.
template <Decoder D>
class Frames<D>::Next {
 public:
  using Awaited = Result<Frame>;
  static constexpr bool borrows = true;

  explicit Next(Frames& frames) : frames_(&frames) {}
  Next(Next&& other) noexcept : frames_(other.frames_) {}  // Only before it waits.
  ~Next() {
    if (!waiter_.waits() || !frames_) return;
    frames_->waiting_ = nullptr;
    if (frames_->connection_) frames_->connection_->stop_waiting(*frames_);
  }

  [[nodiscard]] bool await_ready() {
    frame_ = frames_->decoder_.next();
    if (frame_) return true;
    const auto* const connection = frames_->connection_;
    if (connection && !connection->input_ended() && !frames_->decoder_.error()) return false;
    error_ = frames_->end();
    return true;
  }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> task) {
    waiter_.wait(task);
    frames_->waiting_ = this;
    frames_->connection_->wait_for_input(*frames_);
  }
  Result<Frame> await_resume() {
    if (frame_) return std::move(*frame_);
    return Failure(std::move(*error_));
  }

 private:
  friend Frames;

  void try_again() {
    if (await_ready()) return end();
    frames_->connection_->wait_for_input(*frames_);
  }
  void end() {
    frames_->waiting_ = nullptr;
    waiter_.resume();
  }
  void cancel() {
    std::exchange(frames_, nullptr)->waiting_ = nullptr;
    error_ = std::make_unique<Error>(detail::ConnectionState::canceled());
    waiter_.cancel();
  }

  Frames* frames_;
  std::optional<Frame> frame_;
  std::unique_ptr<Error> error_;  // Why there is none. The Frames may be gone by then.
  detail::ObjectWaiter waiter_;
};

}  // namespace reactor
