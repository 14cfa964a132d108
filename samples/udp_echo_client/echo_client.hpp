// Sends lines of standard input, one after the other, and prints the response to each.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "reactor/datagram.hpp"
#include "reactor/timer.hpp"
#include "samples/support/line_input.hpp"
#include "samples/support/printable.hpp"
#include "samples/support/server_addresses.hpp"

namespace udp_echo_client {

class EchoClient {
 public:
  EchoClient(reactor::Loop& loop, const std::string& endpoint, double timeout_seconds)
      : loop_(loop),
        servers_(endpoint),
        timeout_(std::llround(timeout_seconds * 1e9)),
        input_(
            loop, [this](std::string_view line) { begin(std::string(line)); }, [] {}) {}

  [[nodiscard]] bool failed() const { return failed_; }

 private:
  // Sends one line at a time, each from a socket of its own: a late response to one line cannot be
  // taken for the response to the next.
  void begin(std::string line) {
    input_.pause();
    line_ = std::move(line);
    began_at_ = loop_.now();
    servers_.begin();
    ask();
  }

  void ask() {
    timer_.restart(servers_.share_of(began_at_ + timeout_ - loop_.now()));
    auto socket = reactor::DatagramSocket::connect(loop_, servers_.current());
    if (!socket) return try_next(socket.error().message());
    socket_ = std::move(*socket);
    socket_->on_error([this](reactor::Error error) {
      error.operation = "ask";
      error.subject = servers_.current().to_string();
      try_next(error.message());
    });
    socket_->on_received([this](std::span<const reactor::Datagram> batch) {
      servers_.note_response();
      print(batch.front().text());
      go_on();
    });
    socket_->send(line_);
  }

  // Tries another address of the name, if there is one.
  void try_next(const std::string& why) { servers_.go_on() ? ask() : fail(why); }

  static void print(std::string_view answer) {
    const std::string text = isatty(STDOUT_FILENO) ? samples::escaped(answer) : std::string(answer);
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fputc('\n', stdout);
    std::fflush(stdout);
  }

  void fail(const std::string& why) {
    std::fprintf(stderr, "error: %s\n", why.c_str());
    failed_ = true;
    go_on();
  }

  void go_on() {
    timer_.cancel();
    socket_.reset();
    input_.prompt();
    next_line_.restart(std::chrono::nanoseconds(0));  // Not within the last one's callback.
  }

  reactor::Loop& loop_;
  samples::ServerAddresses servers_;
  bool failed_ = false;
  const std::chrono::nanoseconds timeout_;
  std::string line_;
  reactor::Loop::Clock::time_point began_at_;
  std::optional<reactor::DatagramSocket> socket_;
  reactor::Timer timer_{loop_,
                        [this] { try_next("no answer from " + servers_.current().to_string()); }};
  reactor::Timer next_line_{loop_, [this] { input_.resume(); }};
  samples::LineInput input_;
};

}  // namespace udp_echo_client
