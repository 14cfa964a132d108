// Helpers that the tests of datagram sockets share.
#pragma once

#include <unistd.h>

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "reactor/datagram.hpp"
#include "support/result.hpp"

/// A unix address that no other socket has.
inline reactor::Address abstract_name() {
  static int count = 0;
  return address("unix:@uvreactor-datagram-" + std::to_string(getpid()) + "-" +
                 std::to_string(++count));
}

/// A socket that keeps what it receives.
struct Inbox {
  struct Message {
    std::string text;
    reactor::Address sender;
    bool truncated;
  };

  explicit Inbox(reactor::DatagramSocket from) : socket(std::move(from)) {
    socket.on_received([this](std::span<const reactor::Datagram> batch) {
      for (const reactor::Datagram& datagram : batch) {
        messages.push_back({std::string(datagram.text()), datagram.sender, datagram.truncated});
      }
      ++batches;
    });
    socket.on_error([this](const reactor::Error& error) { errors.push_back(error.message()); });
  }
  Inbox(reactor::Loop& loop, const reactor::Address& local, reactor::DatagramOptions options = {})
      : Inbox(ok(reactor::DatagramSocket::bind(loop, local, options))) {}
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  [[nodiscard]] std::vector<std::string> texts() const {
    std::vector<std::string> all;
    for (const Message& message : messages) all.push_back(message.text);
    return all;
  }

  reactor::DatagramSocket socket;
  std::vector<Message> messages;
  std::vector<std::string> errors;
  int batches = 0;
};

/// Echoes every datagram.
inline reactor::DatagramSocket& echo(reactor::DatagramSocket& socket) {
  socket.on_received([&socket](std::span<const reactor::Datagram> batch) {
    for (const reactor::Datagram& datagram : batch) socket.reply(datagram, datagram.bytes);
  });
  return socket;
}

/// Numbered messages. Their lengths differ unless a length is given.
inline std::vector<std::string> numbered(std::size_t count,
                                         std::optional<std::size_t> length = {}) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) {
    std::string text = std::to_string(i) + ":";
    text.resize(length.value_or(text.size() + i % 97), 'x');
    texts.push_back(std::move(text));
  }
  return texts;
}
