// What other threads have written to a stream, until the stream takes it. Internal.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "reactor/callback.hpp"
#include "reactor/engine.hpp"
#include "reactor/stream_limits.hpp"
#include "reactor/write_status.hpp"

namespace reactor::inline v0 {

/// Shared by a stream and its Senders; the last of them destroys it.
class StreamOutbox {
 public:
  /// `on_written` is called on the loop's thread, for the source that still has the token.
  StreamOutbox(Engine& engine, Token token, const StreamLimits& limits,
               void (*on_written)(Source& stream))
      : engine_(engine), token_(token), on_written_(on_written), limits_(limits) {}

  // ---- Called by any thread

  WriteStatus write(const std::shared_ptr<StreamOutbox>& self, std::span<const std::byte> bytes);
  void once_drained(Callback<void()> callback);

  // ---- Called by the loop's thread

  [[nodiscard]] std::vector<std::byte> take();

  /// The stream itself has this much queued.
  void set_queued(std::size_t bytes);
  void set_limits(const StreamLimits& limits);

  /// Nothing may be written any more.
  void close();

 private:
  [[nodiscard]] std::size_t waiting() const { return posted_.size() + queued_; }
  void call_if_drained();

  Engine& engine_;
  const Token token_;
  void (*const on_written_)(Source& stream);
  std::mutex mutex_;
  StreamLimits limits_;
  std::vector<std::byte> posted_;
  std::size_t queued_ = 0;  // By the stream itself.
  bool closed_ = false;
  std::vector<Callback<void()>> waiters_;
};

}  // namespace reactor
