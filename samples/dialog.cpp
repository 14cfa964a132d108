// Two people type to each other over a connection: the first program of most tutorials.
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>

#include "reactor/framed.hpp"
#include "reactor/idle_timeout.hpp"
#include "reactor/listener.hpp"
#include "reactor/server.hpp"
#include "reactor/stop_signals.hpp"
#include "reactor/stream.hpp"
#include "reactor/timer.hpp"
#include "samples/support/client.hpp"
#include "samples/support/line_input.hpp"
#include "samples/support/memory.hpp"
#include "samples/support/paused_lines.hpp"
#include "samples/support/printable.hpp"
#include "samples/support/program.hpp"

namespace {

using reactor::Error;
using reactor::Stream;

// Typing is paused long before that: see Conversation::say.
constexpr std::size_t most_queued_bytes = 4 << 20;
constexpr std::size_t most_line_bytes = 1 << 20;

bool is_bye(std::string_view line) {
  const std::size_t begin = line.find_first_not_of(" \t\r");
  const std::size_t end = line.find_last_not_of(" \t\r");
  return begin != line.npos && line.substr(begin, end - begin + 1) == "bye";
}

void show(std::FILE* out, const std::string& text) {
  std::fprintf(out, "%s\n", text.c_str());
  std::fflush(out);
}

// One connection, until one of the two says `bye` or ends it.
class Conversation {
 public:
  Conversation(reactor::Loop& loop, Stream stream, samples::LineInput& input,
               reactor::Callback<void(const Error&)> on_over)
      : stream_(std::move(stream)),
        input_(input),
        on_over_(std::move(on_over)),
        unended_(loop, [this] { hear(unended_.take()); }),
        lines_(stream_, samples::PausedLines(unended_),
               [this](std::string_view line) { hear(line); }),
        farewell_(loop, [this] { end(); }) {
    stream_.set_limits(reactor::StreamLimits{.max_queued_bytes = most_queued_bytes,
                                             .discard_timeout = samples::time_for_the_rest});
    lines_.on_end([this] {
      const std::string last = unended_.take();
      if (!last.empty()) hear(last);
      if (!ended_) farewell_.restart(time_for_farewell);
    });
    stream_.on_drained([this] {
      if (!ended_) input_.resume();
    });
    stream_.on_close([this](const Error& error) {
      // A peer that leaves its side open after `bye` has received everything all the same.
      const bool complete = ended_ && stream_.queued_bytes() == 0;
      auto call = std::move(on_over_);  // It may destroy this object.
      call(complete ? Error() : error);
    });
  }

  void say(std::string_view line) {
    if (stream_.write(std::string(line) + '\n') == reactor::WriteStatus::above_high_water)
      input_.pause();
    is_bye(line) ? end() : input_.prompt();
  }

  // Ends the conversation where nothing has moved for `timeout`; says what is left of it otherwise.
  reactor::Duration end_if_idle(reactor::Duration timeout) {
    const reactor::Duration left = timeout - stream_.quiet_for();
    if (left.count() <= 0) stream_.fail({reactor::idle_too_long(), "talk to", {}, {}});
    return left;
  }

  // The peer may go on.
  void say_no_more() { stream_.shutdown(); }

  void end() {
    ended_ = true;
    input_.pause();
    stream_.close();
  }

 private:
  // The peer has ended its side. What is typed already, as from a file, is still sent.
  static constexpr std::chrono::milliseconds time_for_farewell{500};

  void hear(std::string_view line) {
    if (ended_) return;
    input_.hide();
    show(stdout, samples::printable(line));
    is_bye(line) ? end() : input_.prompt();
  }

  Stream stream_;
  samples::LineInput& input_;
  reactor::Callback<void(const Error&)> on_over_;
  samples::UnendedLine unended_;
  reactor::Framed<samples::PausedLines> lines_;
  reactor::Timer farewell_;
  bool ended_ = false;
};

class Client {
 public:
  Client(reactor::Loop& loop, const std::string& endpoint)
      : loop_(loop), connecting_(samples::connect(loop, endpoint)) {
    connecting_.on_connect([this] { talk(std::move(connecting_)); });
    connecting_.on_close([](const Error& error) { throw samples::Failed(error); });
  }

 private:
  void talk(Stream stream) {
    input_.emplace(
        loop_, [this](std::string_view line) { conversation_->say(line); },
        [this] { conversation_->say_no_more(); });
    conversation_.emplace(loop_, std::move(stream), *input_, [this](const Error& error) {
      if (error) throw samples::Failed(error);
      input_.reset();
      loop_.stop();
    });
  }

  reactor::Loop& loop_;
  std::optional<samples::LineInput> input_;
  std::optional<Conversation> conversation_;
  Stream connecting_;  // Until it is the conversation's.
};

// Serves one client after the other; the next waits in the kernel's queue. What is typed while
// there is none is for the next.
class Server {
 public:
  Server(reactor::Loop& loop, const std::string& endpoint, reactor::Duration idle_timeout)
      : loop_(loop),
        idle_timeout_(idle_timeout),
        listener_(samples::value_of(reactor::Listener::listen(
            loop, endpoint, {}, [this](reactor::Socket socket, const reactor::Address& peer) {
              listener_->pause();
              talk(Stream(loop_, std::move(socket), peer), peer.to_string());
            }))) {}

  [[nodiscard]] const reactor::Address& address() const { return listener_->address(); }

  void drain() {
    listener_.reset();
    conversation_ ? conversation_->end() : loop_.stop();
  }

 private:
  void talk(Stream stream, const std::string& peer) {
    if (input_) input_->hide();
    show(stderr, peer.empty() ? "a client is there" : peer + " is there");
    const bool is_first = !input_;
    if (is_first) {
      input_.emplace(
          loop_, [this](std::string_view line) { conversation_->say(line); },
          [this] { end_of_input(); });
    }
    conversation_.emplace(loop_, std::move(stream), *input_,
                          [this](const Error& error) { over(error); });
    if (idle_timeout_.count() > 0) idle_.emplace(loop_, idle_timeout_, [this] { look_if_idle(); });
    if (is_first) return;
    input_->prompt();
    input_->resume();
  }

  void look_if_idle() {
    const auto left = conversation_->end_if_idle(idle_timeout_);
    if (left.count() > 0) idle_->restart(left);
  }

  void over(const Error& error) {
    idle_.reset();
    input_->hide();
    show(stderr, error ? error.message() : "the conversation is over");
    conversation_.reset();
    input_->pause();
    listener_ ? listener_->resume() : loop_.stop();
  }

  // Ctrl-D at a terminal ends the server. Without one, as in a script, its clients go on.
  void end_of_input() {
    if (isatty(STDIN_FILENO)) drain();
  }

  reactor::Loop& loop_;
  const reactor::Duration idle_timeout_;
  std::optional<reactor::Listener> listener_;
  std::optional<samples::LineInput> input_;
  std::optional<Conversation> conversation_;
  std::optional<reactor::IdleTimeout> idle_;
};

}  // namespace

int main(int count, char** words) {
  std::string endpoint;
  std::string listen;
  double idle_seconds = 600;
  samples::CommandLine command_line{
      "Two people type to each other: one starts the server, the other connects to it. A line "
      "`bye`\n"
      "ends the conversation; the server then waits for the next client, until Ctrl-D or SIGTERM.\n"
      "Text that a client sends without a newline counts as a line after half a second.\n"
      "Example: dialog --listen 127.0.0.1:9000, and elsewhere: dialog 127.0.0.1:9000"};
  command_line.footer(samples::memory_text(
      most_queued_bytes + 3 * most_line_bytes,
      "one connection with " + samples::mebibytes(most_queued_bytes) +
          " of lines that wait, and the lines that are being typed and received"));
  const auto where = command_line.add_option("endpoint", endpoint,
                                             "The server: HOST:PORT, [::1]:PORT or unix:PATH");
  command_line
      .add_option("--listen", listen,
                  "Be the server: HOST:PORT, [::1]:PORT or unix:PATH; port 0: any")
      .excludes(where);
  command_line
      .add_option("--idle-timeout", idle_seconds,
                  "Seconds without a byte in either direction after which the server goes on to "
                  "the next client; 0: never")
      .within(0.0, 1e9);
  command_line.check(
      [&] { return endpoint.empty() && listen.empty() ? "endpoint or --listen is required" : ""; });
  return samples::run_program(command_line, count, words, [&] {
    reactor::Loop loop;
    if (listen.empty()) {
      const Client client(loop, endpoint);
      loop.run();
      return;
    }
    std::optional<Server> server;
    const auto stop =
        samples::value_of(reactor::StopSignals::create(loop, [&server] { server->drain(); }));
    server.emplace(loop, listen, std::chrono::milliseconds(std::llround(idle_seconds * 1000)));
    samples::announce(server->address());
    loop.run();
  });
}
