#include "samples/dialog/dialog.hpp"

#include <unistd.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "reactor/idle_timeout.hpp"
#include "reactor/listener.hpp"
#include "reactor/stop_signals.hpp"
#include "samples/dialog/conversation.hpp"
#include "samples/support/client.hpp"
#include "samples/support/program.hpp"

namespace dialog {
namespace {

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
  Stream connecting_;  // Moved into the conversation when it is connected.
};

// Serves one client after the other; the next waits in the kernel's queue. Lines that are typed
// while there is no client go to the next one.
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

  // Ctrl-D at a terminal ends the server. In a script, without a terminal, its clients go on.
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

void call(const std::string& endpoint) {
  reactor::Loop loop;
  const Client client(loop, endpoint);
  loop.run();
}

void serve(const std::string& endpoint, reactor::Duration idle_timeout) {
  reactor::Loop loop;
  std::optional<Server> server;
  const auto stop =
      samples::value_of(reactor::StopSignals::create(loop, [&server] { server->drain(); }));
  server.emplace(loop, endpoint, idle_timeout);
  samples::announce(server->address());
  loop.run();
}

}  // namespace dialog
