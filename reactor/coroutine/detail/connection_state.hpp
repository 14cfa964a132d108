// The state of a Connection: its stream, and the tasks that wait for it. Internal.
#pragma once

#include <cassert>
#include <cerrno>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "reactor/coroutine/detail/compiler.hpp"
#include "reactor/coroutine/detail/wait_list.hpp"
#include "reactor/handle.hpp"
#include "reactor/result.hpp"
#include "reactor/stream.hpp"
#include "reactor/write_status.hpp"

namespace reactor::inline v0::detail {

// The task that takes the next input of a connection.
class InputTaker {
 public:
  InputTaker() = default;
  InputTaker(const InputTaker&) = delete;
  InputTaker& operator=(const InputTaker&) = delete;

  virtual void take(Stream::Bytes bytes) = 0;
  virtual void take_end() = 0;
  // The connection is being destroyed.
  virtual void take_nothing() = 0;

 protected:
  ~InputTaker() = default;
};

// Reads from the stream only while a task waits for input. So input that no task takes stays in the
// kernel, and the peer has to wait.
class ConnectionState final : public HandleState {
 public:
  // The stream belongs to this.
  explicit ConnectionState(Stream&& stream) : owned_(std::move(stream)), stream_(&*owned_) {
    stream_->pause();
    attach();
  }

  // The stream belongs to the user, or to the server that `link` is part of and that calls the
  // functions below.
  explicit ConnectionState(Stream& stream) : stream_(&stream) {
    stream_->pause();
    attach();
  }
  ConnectionState(Stream& stream, ConnectionState*& link) : stream_(&stream), link_(&link) {
    link = this;
    stream_->pause();
  }

  // ---- What happens on the stream

  void receive(Stream::Bytes bytes) {
    const Use use(*this);
    std::vector<std::byte> copy;
    if constexpr (below_address_sanitizer) {  // To report the use of bytes that are not valid.
      copy.assign(bytes.begin(), bytes.end());
      bytes = copy;
    }
    assert(taker_ && "a stream that no task reads from is paused; do not resume() it");
    if (InputTaker* const taker = std::exchange(taker_, nullptr)) taker->take(bytes);
    if (!taker_) pause();
  }

  void end_input() {
    const Use use(*this);
    input_ended_ = true;
    if (InputTaker* const taker = std::exchange(taker_, nullptr)) taker->take_end();
  }

  void drain() {
    const Use use(*this);
    writers.resume_all();
  }

  void connect() {
    const Use use(*this);
    connected_ = true;
    others.resume_all();
  }

  void close(const Error& error) {
    const Use use(*this);
    end(error);
    end_input();
    writers.resume_all();
    others.resume_all();
  }

  // The stream is being destroyed.
  void lose_stream() {
    const Use use(*this);
    stream_ = nullptr;
    link_ = nullptr;
    end(canceled());
    cancel_all();
  }

  // ---- For awaitables

  [[nodiscard]] Stream* stream() const { return stream_; }
  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] bool input_ended() const { return input_ended_; }
  [[nodiscard]] const Error& error() const { return error_; }

  WriteStatus write(Stream::Bytes bytes) {
    return stream_ ? stream_->write(bytes) : WriteStatus::closed;
  }

  void wait_for_input(InputTaker& taker) {
    assert(!taker_ && "two tasks wait for input of one connection");
    taker_ = &taker;
    if (paused_ && stream_) {
      paused_ = false;
      stream_->resume();
    }
  }

  // The task that waited is destroyed.
  void stop_waiting(const InputTaker& taker) {
    if (taker_ != &taker) return;
    taker_ = nullptr;
    pause();
  }

  [[nodiscard]] static Error canceled() { return system_error(ECANCELED, "use connection"); }

  WaitList writers;
  WaitList others;  // They wait until it is connected, or closed.
  InputTaker* decoder = nullptr;

 private:
  void attach() {
    stream_->on_data([this](Stream::Bytes bytes) { receive(bytes); });
    stream_->on_end([this] { end_input(); });
    stream_->on_drained([this] { drain(); });
    stream_->on_connect([this] { connect(); });
    stream_->on_close([this](const Error& error) { close(error); });
  }

  void end(const Error& error) {
    if (!closed_) error_ = error;
    closed_ = input_ended_ = true;
  }

  void pause() {
    paused_ = true;
    if (stream_) stream_->pause();
  }

  void cancel_all() {
    writers.cancel_all();
    others.cancel_all();
    if (InputTaker* const taker = std::exchange(taker_, nullptr)) taker->take_nothing();
  }

  void on_retired() noexcept override {
    end(canceled());
    cancel_all();
    if (decoder) decoder->take_nothing();
    if (link_) *link_ = nullptr;
    if (Stream* const stream = std::exchange(stream_, nullptr); stream && !owned_) release(*stream);
    owned_.reset();
  }

  // The server's or the user's: what was written is still sent.
  void release(Stream& stream) const {
    if (!link_) {
      stream.on_data(nullptr);
      stream.on_end(nullptr);
      stream.on_drained(nullptr);
      stream.on_connect(nullptr);
      stream.on_close(nullptr);
    }
    stream.close();
  }

  std::optional<Stream> owned_;
  Stream* stream_;
  ConnectionState** link_ = nullptr;
  InputTaker* taker_ = nullptr;
  bool paused_ = true;
  bool connected_ = false;
  bool input_ended_ = false;
  bool closed_ = false;
  Error error_;
};

}  // namespace reactor::detail
