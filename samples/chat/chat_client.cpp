// A client of chat_server: sends the lines of standard input, prints the lines of all members.
#include <cstdio>
#include <optional>
#include <string>

#include "protocols/lines.hpp"
#include "reactor/framed.hpp"
#include "reactor/stream.hpp"
#include "samples/support/client.hpp"
#include "samples/support/last_line.hpp"
#include "samples/support/line_input.hpp"
#include "samples/support/printable.hpp"
#include "samples/support/program.hpp"
#include "samples/support/tls.hpp"

namespace {

class ChatClient {
 public:
  ChatClient(reactor::Loop& loop, const std::string& endpoint, std::string name,
             const samples::ClientTls& tls)
      : loop_(loop), name_(std::move(name)), stream_(samples::connect(loop, endpoint)) {
    tls.secure(stream_, endpoint);
    stream_.on_connect([this] { enter(); });
    stream_.on_drained([this] { input_->resume(); });
    stream_.on_close([this](const reactor::Error& error) {
      if (error) throw samples::Failed(error);
      if (!leaving_) throw samples::Failed("the server closed the connection");
      input_.reset();  // After /quit there may be more input.
    });
  }

 private:
  void enter() {
    lines_.emplace(stream_, samples::LastLineDecoder(),
                   [this](std::string_view line) { show(line); });
    lines_->on_end([this] {
      const auto last = lines_->decoder().rest();
      if (!last.empty()) show(protocols::as_text(last));
      stream_.close();
    });
    name_.empty() ? talk() : say("/nick " + name_);
  }

  // The first line for this client alone is the response to its first line, the /nick.
  void show(std::string_view line) {
    const std::string text = samples::printable(line);
    if (!input_ && text.starts_with("! ")) throw samples::Failed("--name: " + text.substr(2));
    if (input_) input_->hide();
    std::printf("%s\n", text.c_str());
    std::fflush(stdout);
    if (!input_ && text == "* " + name_ + " joined") return talk();
    if (input_) input_->prompt();
  }

  void talk() {
    input_.emplace(
        loop_, [this](std::string_view line) { say(std::string(line)); },
        [this] {
          leaving_ = true;
          stream_.shutdown();  // What the server has sent already still arrives.
        });
  }

  void say(const std::string& line) {
    leaving_ |= line == "/quit";
    if (stream_.write(line + '\n') == reactor::WriteStatus::above_high_water) input_->pause();
  }

  reactor::Loop& loop_;
  const std::string name_;
  reactor::Stream stream_;
  std::optional<reactor::Framed<samples::LastLineDecoder>> lines_;
  std::optional<samples::LineInput> input_;
  bool leaving_ = false;
};

}  // namespace

int main(int count, char** words) {
  std::string endpoint;
  std::string name;
  samples::ClientTls tls;
  samples::CommandLine command_line{
      "Sends the lines of standard input to a chat room, and prints those of the others.\n"
      "/nick NAME changes the name, /who lists the users, /quit leaves.\n"
      "Example: chat_client 127.0.0.1:9000 --name ann"};
  command_line.add_option("endpoint", endpoint, "HOST:PORT, [::1]:PORT or unix:PATH").required();
  command_line.add_option("--name", name, "The name to use; default: one that the server chooses")
      .check([](const std::string& text) {
        return samples::printable(text) == text ? "" : "a name has no control characters";
      });
  tls.add_options(command_line);
  return samples::run_program(command_line, count, words, [&] {
    tls.load();
    reactor::Loop loop;
    const ChatClient client(loop, endpoint, name, tls);
    loop.run();
  });
}
