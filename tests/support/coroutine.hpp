// Tasks in tests.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <utility>

#include "reactor/coroutine.hpp"
#include "support/peer.hpp"
#include "support/run_until.hpp"

/// Runs `task` until it has ended.
inline void run_task(reactor::Loop& loop, reactor::Task<> task) {
  reactor::Nursery nursery(loop);
  nursery.start(std::move(task));
  run_until(loop, [&] { return nursery.size() == 0; });
}

/// Runs what is ready now, several times.
inline void poll_some(reactor::Loop& loop) {
  for (int i = 0; i < 4; ++i) loop.poll();
}

[[nodiscard]] inline std::string text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// A Connection, and the socket at its other end.
struct ConnectedTask {
  explicit ConnectedTask(reactor::Loop& loop, Buffers buffers = {})
      : ConnectedTask(loop, connected_sockets(Transport::tcp4, buffers)) {}
  ConnectedTask(reactor::Loop& loop, std::array<reactor::Socket, 2> sockets)
      : connection(reactor::Stream(loop, std::move(sockets[0]))),
        peer(loop, std::move(sockets[1])) {}

  reactor::Connection connection;
  Peer peer;
};

/// Sets a flag when it is destroyed.
class Witness {
 public:
  explicit Witness(bool& destroyed) : destroyed_(&destroyed) {}
  Witness(Witness&& other) noexcept : destroyed_(std::exchange(other.destroyed_, nullptr)) {}
  Witness& operator=(Witness&&) = delete;
  ~Witness() {
    if (destroyed_) *destroyed_ = true;
  }

 private:
  bool* destroyed_;
};
