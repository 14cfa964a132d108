// A client: sends the lines of standard input, prints what comes back.
#include <cstdio>
#include <optional>
#include <string>

#include "reactor/framed.hpp"
#include "reactor/stream.hpp"
#include "support/connector.hpp"
#include "support/line_input.hpp"
#include "support/program.hpp"

namespace {

class EchoClient {
 public:
  EchoClient(reactor::Loop& loop, const std::string& endpoint)
      : loop_(loop),
        connector_(loop, endpoint, [this](reactor::Stream stream) { talk(std::move(stream)); }) {}

 private:
  void talk(reactor::Stream stream) {
    stream_ = std::move(stream);
    stream_->on_close([this](const reactor::Error& error) { closed(error); });
    stream_->on_drained([this] { input_->resume(); });
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

  void closed(const reactor::Error& error) const {
    if (error) throw samples::Failed(error);
    if (!ended_) throw samples::Failed("the server closed the connection");
  }

  reactor::Loop& loop_;
  std::optional<reactor::Stream> stream_;
  std::optional<reactor::Framed<protocols::LineDecoder>> answers_;
  std::optional<samples::LineInput> input_;
  bool ended_ = false;
  samples::Connector connector_;
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
