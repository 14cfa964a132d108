// Sends each line of standard input as a datagram and prints the answer.
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "reactor/datagram.hpp"
#include "reactor/resolver.hpp"
#include "reactor/timer.hpp"
#include "samples/support/line_input.hpp"
#include "samples/support/printable.hpp"
#include "samples/support/program.hpp"

namespace {

class EchoClient {
 public:
  EchoClient(reactor::Loop& loop, const std::string& endpoint, double timeout_seconds)
      : loop_(loop),
        servers_(samples::value_of(reactor::resolve_now(endpoint))),
        timeout_(std::llround(timeout_seconds * 1e9)),
        input_(
            loop, [this](std::string_view line) { ask(std::string(line)); }, [] {}) {}

  [[nodiscard]] bool failed() const { return failed_; }

 private:
  [[nodiscard]] const reactor::Address& server() const { return servers_[server_]; }

  // One line at a time, each from a socket of its own: a late answer to one line cannot be taken
  // for the answer to the next.
  void ask(std::string line) {
    input_.pause();
    line_ = std::move(line);
    timer_.restart(timeout_);
    auto socket = reactor::DatagramSocket::connect(loop_, server());
    if (!socket) return fail(socket.error().message());
    socket_ = std::move(*socket);
    socket_->on_error([this](const reactor::Error& error) { try_next(error); });
    socket_->on_received([this](std::span<const reactor::Datagram> batch) {
      print(batch.front().text());
      go_on();
    });
    socket_->send(line_);
  }

  // A name may have several addresses, and the first that answers will do.
  void try_next(reactor::Error error) {
    if (!answered_ && server_ + 1 < servers_.size()) {
      ++server_;
      return ask(line_);
    }
    error.operation = "ask";
    error.subject = server().to_string();
    fail(error.message());
  }

  void print(std::string_view answer) {
    answered_ = true;
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
    next_line_.restart(std::chrono::nanoseconds(0));  // Not from within the last one's callback.
  }

  reactor::Loop& loop_;
  const std::vector<reactor::Address> servers_;
  std::size_t server_ = 0;
  bool answered_ = false;
  bool failed_ = false;
  const std::chrono::nanoseconds timeout_;
  std::string line_;
  std::optional<reactor::DatagramSocket> socket_;
  reactor::Timer timer_{loop_, [this] { fail("no answer from " + server().to_string()); }};
  reactor::Timer next_line_{loop_, [this] { input_.resume(); }};
  samples::LineInput input_;
};

}  // namespace

int main(int count, char** words) {
  std::string endpoint;
  double timeout_seconds = 5;
  bool failed = false;
  CLI::App command_line{
      "Sends each line of standard input to a server as a datagram and prints the answer.\n"
      "Exit code 1 if a line was not answered.\n"
      "Example: echo hello | udp_echo_client 127.0.0.1:9002"};
  command_line.add_option("endpoint", endpoint, "HOST:PORT, [::1]:PORT or unix:PATH")->required();
  command_line.add_option("--timeout", timeout_seconds, "Seconds to wait for each answer")
      ->check(CLI::Range(0.001, 1e6))
      ->capture_default_str();
  const int status = samples::run_program(command_line, count, words, [&] {
    reactor::Loop loop;
    const EchoClient client(loop, endpoint, timeout_seconds);
    loop.run();
    failed = client.failed();
  });
  return status != 0 ? status : failed;
}
