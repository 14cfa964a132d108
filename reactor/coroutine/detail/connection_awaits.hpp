// What the functions of a Connection return. Internal.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "reactor/coroutine/detail/compiler.hpp"
#include "reactor/coroutine/detail/connection_state.hpp"
#include "reactor/coroutine/detail/wait_list.hpp"
#include "reactor/result.hpp"
#include "reactor/stream.hpp"
#include "reactor/write_status.hpp"

namespace reactor::inline v0::detail {

class AwaitRead final : InputTaker {
 public:
  using Awaited = Result<Stream::Bytes>;
  static constexpr bool borrows = true;

  explicit AwaitRead(ConnectionState& connection) : connection_(&connection) {}
  AwaitRead(AwaitRead&& other) noexcept : connection_(other.connection_) {}  // Before it waits.
  AwaitRead& operator=(AwaitRead&&) = delete;
  ~AwaitRead() {
    if (waiter_.waits()) connection_->stop_waiting(*this);
  }

  [[nodiscard]] bool await_ready() {
    if (!connection_->input_ended()) return false;
    keep_error();
    return true;
  }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> task) {
    waiter_.wait(task);
    connection_->wait_for_input(*this);
  }
  Result<Stream::Bytes> await_resume() const {
    if (rare_) [[unlikely]]
      return Failure(rare_->error);
    return bytes_;
  }

 private:
  // What a read rarely needs.
  struct Rare {
    Error error;
    ObjectWaiter later;
  };

  void take(Stream::Bytes bytes) override {
    bytes_ = bytes;
    waiter_.resume();
  }
  void take_end() override {
    keep_error();
    waiter_.resume();
  }
  void take_nothing() override {
    keep_error();
    rare_->later.take_over(waiter_);
    rare_->later.cancel();
  }

  // The connection may be gone when the task continues.
  void keep_error() {
    if (connection_->error()) rare_ = std::make_unique<Rare>(Rare{connection_->error(), {}});
  }

  ConnectionState* connection_;
  Waiter waiter_;
  std::unique_ptr<Rare> rare_;
  Stream::Bytes bytes_;
};

class AwaitWrite {
 public:
  using Awaited = WriteStatus;

  AwaitWrite(ConnectionState& connection, Stream::Bytes bytes)
      : connection_(&connection), status_(connection.write(bytes)) {}

  [[nodiscard]] bool await_ready() const { return status_ != WriteStatus::above_high_water; }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> task) {
    connection_->writers.add(waiting_.emplace().wait(task));
  }
  WriteStatus await_resume() const {
    if (!waiting_) return status_;
    return waiting_->canceled() || connection_->closed() ? WriteStatus::closed
                                                         : WriteStatus::queued;
  }

 private:
  struct Waiting : WaitNode {
    template <class Promise>
    WaitNode& wait(std::coroutine_handle<Promise> task) {
      waiter.wait(task);
      return *this;
    }
    [[nodiscard]] bool canceled() const { return waiter.canceled(); }
  };

  ConnectionState* connection_;
  WriteStatus status_;
  std::optional<Waiting> waiting_;
};

class AwaitClose : WaitNode {
 public:
  using Awaited = Result<void>;

  explicit AwaitClose(ConnectionState& connection) : connection_(&connection) {}

  [[nodiscard]] bool await_ready() const { return connection_->closed(); }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> task) {
    waiter.wait(task);
    connection_->others.add(*this);
    connection_->stream()->close();
  }
  Result<void> await_resume() const {
    if (waiter.canceled()) return Failure(ConnectionState::canceled());
    if (connection_->error()) return Failure(connection_->error());
    return {};
  }

 private:
  ConnectionState* connection_;
};

}  // namespace reactor::detail
