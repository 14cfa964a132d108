// A client: sends the lines of standard input, prints what comes back.
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "reactor/framed.hpp"
#include "reactor/resolver.hpp"
#include "reactor/stream.hpp"
#include "support/line_input.hpp"
#include "support/program.hpp"

namespace {

class EchoClient {
 public:
  EchoClient(reactor::Loop& loop, const std::string& endpoint)
      : loop_(loop), addresses_(samples::value_of(reactor::resolve_now(endpoint))) {
    connect();
  }

 private:
  // A name may have several addresses: the first that answers will do.
  void connect() {
    auto stream = reactor::Stream::connect(loop_, addresses_[tried_++]);
    if (!stream) return give_up(stream.error());
    stream_ = std::move(*stream);
    stream_->on_close([this](const reactor::Error& error) { closed(error); });
    stream_->on_drained([this] { input_->resume(); });
    stream_->on_connect([this] { talk(); });
  }

  void talk() {
    answers_.emplace(*stream_, protocols::LineDecoder(), [this](std::string_view line) {
      std::printf("%.*s\n", static_cast<int>(line.size()), line.data());
      std::fflush(stdout);
      input_->prompt();
    });
    input_.emplace(
        loop_,
        [this](std::string_view line) {
          if (stream_->write(std::string(line) + "\n") == reactor::Written::full) input_->pause();
        },
        [this] {
          ended_ = true;
          stream_->shutdown();  // The answers to what was sent still come.
        });
  }

  void closed(const reactor::Error& error) {
    if (error) return give_up(error);
    if (!ended_) throw samples::Failed("the server closed the connection");
  }

  void give_up(const reactor::Error& error) {
    const bool connected = input_.has_value();
    if (connected || tried_ == addresses_.size()) throw samples::Failed(error);
    connect();
  }

  reactor::Loop& loop_;
  std::vector<reactor::Address> addresses_;
  std::size_t tried_ = 0;
  std::optional<reactor::Stream> stream_;
  std::optional<reactor::Framed<protocols::LineDecoder>> answers_;
  std::optional<samples::LineInput> input_;
  bool ended_ = false;
};

}  // namespace

int main(int count, char** words) {
  std::string endpoint;
  CLI::App command_line{
      "Sends the lines of standard input to a server and prints its answers.\n"
      "Example: echo hello | tcp_echo_client 127.0.0.1:9000"};
  command_line.add_option("endpoint", endpoint, "HOST:PORT, [::1]:PORT or unix:PATH")->required();
  return samples::run_program(command_line, count, words, [&] {
    reactor::Loop loop;
    const EchoClient client(loop, endpoint);
    loop.run();
  });
}
