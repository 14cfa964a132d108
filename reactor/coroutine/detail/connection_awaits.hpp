// What the functions of a Connection return. Internal.
#pragma once

#include <coroutine>
#include <span>
#include <utility>

#include "reactor/coroutine/detail/connection_state.hpp"
#include "reactor/coroutine/detail/wait_list.hpp"
#include "reactor/result.hpp"
#include "reactor/stream.hpp"
#include "reactor/write_status.hpp"

namespace reactor::detail {

class AwaitRead : InputTaker {
 public:
  using Awaited = Result<Stream::Bytes>;
  static constexpr bool borrows = true;

  explicit AwaitRead(ConnectionState& connection) : connection_(&connection) {}
  AwaitRead(AwaitRead&& other) noexcept : connection_(other.connection_) {}  // Before it waits.
  AwaitRead& operator=(AwaitRead&&) = delete;
  ~AwaitRead() {
    if (waits_) connection_->stop_waiting(*this);
  }

  [[nodiscard]] bool await_ready() {
    if (!connection_->input_ended()) return false;
    received_ = connection_->end_of_input();
    return true;
  }
  template <class Promise>
  [[gnu::noinline]] void await_suspend(std::coroutine_handle<Promise> task) {
    waiter_.wait(task);
    waits_ = true;
    connection_->wait_for_input(*this);
  }
  Result<Stream::Bytes> await_resume() { return std::move(received_); }

 private:
  void take(Stream::Bytes bytes) override {
    received_ = bytes;
    waits_ = false;
    waiter_.resume();
  }
  void take_end() override {
    received_ = connection_->end_of_input();
    waits_ = false;
    waiter_.resume();
  }
  void take_nothing() override {
    received_ = Failure(ConnectionState::canceled());
    waits_ = false;
    waiter_.cancel();
  }

  ConnectionState* connection_;
  bool waits_ = false;
  ObjectWaiter waiter_;
  Result<Stream::Bytes> received_;
};

class AwaitWrite : WaitNode {
 public:
  using Awaited = WriteStatus;

  AwaitWrite(ConnectionState& connection, Stream::Bytes bytes)
      : connection_(&connection), status_(connection.write(bytes)) {}

  [[nodiscard]] bool await_ready() const { return status_ != WriteStatus::above_high_water; }
  template <class Promise>
  [[gnu::noinline]] void await_suspend(std::coroutine_handle<Promise> task) {
    waiter.wait(task);
    connection_->writers.add(*this);
  }
  [[nodiscard]] WriteStatus await_resume() const {
    if (status_ != WriteStatus::above_high_water) return status_;
    return waiter.canceled() || connection_->closed() ? WriteStatus::closed : WriteStatus::queued;
  }

 private:
  ConnectionState* connection_;
  WriteStatus status_;
};

class AwaitClose : WaitNode {
 public:
  using Awaited = Result<void>;

  explicit AwaitClose(ConnectionState& connection) : connection_(&connection) {}

  [[nodiscard]] bool await_ready() const { return connection_->closed(); }
  template <class Promise>
  [[gnu::noinline]] void await_suspend(std::coroutine_handle<Promise> task) {
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
