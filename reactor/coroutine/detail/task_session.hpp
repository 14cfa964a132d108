// A session of a Server that is a task. Internal.
#pragma once

#include <span>
#include <utility>

#include "reactor/callback.hpp"
#include "reactor/coroutine/connection.hpp"
#include "reactor/coroutine/detail/connection_state.hpp"
#include "reactor/coroutine/task.hpp"
#include "reactor/loop.hpp"
#include "reactor/stream.hpp"

namespace reactor::inline v0::detail {

// The connection can outlive the session, if its task has moved it elsewhere.
class TaskSession {
 public:
  using Serve = Callback<Task<>(Connection)>;

  TaskSession(Loop& loop, Stream& stream, Serve& serve) : task_(new Tree(loop, stream, *this)) {
    Connection connection(new ConnectionState(stream, connection_));
    task_->start(serve(std::move(connection)).release());
  }
  TaskSession(const TaskSession&) = delete;
  TaskSession& operator=(const TaskSession&) = delete;
  ~TaskSession() {
    if (task_) task_->abandon();
    if (connection_) connection_->lose_stream();
  }

  void on_data(std::span<const std::byte> bytes) {
    if (connection_) connection_->receive(bytes);
  }
  void on_end() {
    if (connection_) connection_->end_input();
  }
  void on_drained() {
    if (connection_) connection_->drain();
  }
  void on_close(const Error& error) {
    if (connection_) connection_->close(error);
  }
  // The task gets the end of the input, writes its last words and ends.
  void finish() { on_end(); }

 private:
  class Tree final : public TaskTree {
   public:
    Tree(Loop& loop, Stream& stream, TaskSession& session)
        : TaskTree(loop), stream_(stream), session_(session) {}

   private:
    // The peer must not take an incomplete response for a complete one.
    void on_thrown() noexcept override { stream_.abort(); }
    void on_ended() noexcept override { session_.task_ = nullptr; }

    Stream& stream_;
    TaskSession& session_;
  };

  Tree* task_;
  ConnectionState* connection_ = nullptr;
};

}  // namespace reactor::detail
