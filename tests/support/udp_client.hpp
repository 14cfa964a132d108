// A client of a UDP server under test.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/datagram.hpp"
#include "reactor/loop.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"

/// A connected socket, which receives only from the server. It keeps the replies.
struct UdpClient {
  UdpClient(reactor::Loop& loop, const reactor::Address& server)
      : socket(ok(reactor::DatagramSocket::connect(loop, server))) {
    socket.on_received([this](std::span<const reactor::Datagram> batch) {
      for (const reactor::Datagram& datagram : batch) answers.emplace_back(datagram.text());
    });
  }
  UdpClient(const UdpClient&) = delete;
  UdpClient& operator=(const UdpClient&) = delete;

  std::string ask(reactor::Loop& loop, std::string_view text) {
    answers.clear();
    socket.send(text);
    run_until(loop, [this] { return !answers.empty(); });
    return answers.back();
  }

  reactor::DatagramSocket socket;
  std::vector<std::string> answers;
};
