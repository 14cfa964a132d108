// A stream, its peer, and the events of the stream so far.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "reactor/stream.hpp"
#include "support/peer.hpp"
#include "support/run_until.hpp"

struct ConnectedStream {
  explicit ConnectedStream(reactor::Loop& of, Buffers buffers = {},
                           Transport transport = Transport::tcp4)
      : ConnectedStream(of, connected_sockets(transport, buffers)) {}

  ConnectedStream(reactor::Loop& of, std::array<reactor::Socket, 2> sockets)
      : loop(of),
        stream(std::in_place, loop, std::move(sockets[0])),
        peer(loop, std::move(sockets[1])) {
    stream->on_data([this](reactor::Stream::Bytes bytes) { received += bytes.size(); });
    stream->on_close([this](const reactor::Error& error) { closed = error; });
  }

  /// Writes until `bytes` bytes are queued. The peer does not read them.
  void queue(std::size_t bytes) {
    peer.hold();
    const std::string piece(16 * 1024, 'x');
    while (stream->queued_bytes() < bytes) {
      REQUIRE(stream->write(piece) != reactor::WriteStatus::closed);
    }
  }

  void until_closed() {
    run_until(loop, [this] { return closed.has_value(); });
  }

  void until_peer_is_over() {
    run_until(loop, [this] { return peer.over(); });
  }

  reactor::Loop& loop;
  std::optional<reactor::Stream> stream;
  Peer peer;
  std::size_t received = 0;
  std::optional<reactor::Error> closed;
};
