// Runs commands on a remote_command_server: one from the command line, or the lines of standard
// input.
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reactor/framed.hpp"
#include "samples/remote_command/wire.hpp"
#include "samples/support/client.hpp"
#include "samples/support/endpoint.hpp"
#include "samples/support/line_input.hpp"
#include "samples/support/printable.hpp"
#include "samples/support/program.hpp"
#include "samples/support/secret.hpp"
#include "samples/support/shell_split.hpp"
#include "samples/support/terminal.hpp"
#include "samples/support/tls.hpp"

namespace remote_command {
namespace {

using reactor::Error;
using reactor::Stream;

struct Options {
  std::string endpoint;
  bool shell = false;
  std::vector<std::string> command;  // Empty: lines of standard input.
  samples::ClientTls tls = {};
};

class Client {
 public:
  Client(reactor::Loop& loop, const samples::Secret& secret, const Options& options)
      : loop_(loop),
        secret_(secret),
        options_(options),
        stream_(samples::connect(loop, options.endpoint)) {
    options.tls.secure(stream_, options.endpoint);
    stream_.on_connect([this] { begin(); });
    stream_.on_close([this](const Error& error) {
      if (error) throw samples::Failed(error);
      if (!answers_) throw samples::Failed(gate_->refusal());
      if (!done_) throw samples::Failed("the server closed the connection");
    });
  }

  /// The number of commands that did not end with status 0.
  [[nodiscard]] int failures() const { return failures_; }

 private:
  void begin() {
    gate_.emplace(loop_, stream_, challenge());
    stream_.on_data([this](Stream::Bytes bytes) {
      const auto behind = gate_->pass(bytes);
      if (gate_->is_open()) talk(behind);
    });
  }

  [[nodiscard]] samples::Challenge challenge() {
    return secret_.challenge(
        samples::Challenge::Side::client,
        {"remote_command", {samples::dialled_endpoint(stream_, options_.endpoint)}, {}});
  }

  void talk(Stream::Bytes received) {
    answers_.emplace(
        stream_, answer_decoder(), [this](const protocols::JsonMessage& answer) { take(answer); },
        received);
    if (!options_.command.empty()) return ask(options_.command);
    input_.emplace(
        loop_, [this](std::string_view line) { ask(line); },
        [this] {
          at_end_ = true;
          if (!waits_) finish();
        },
        "remote> ");
  }

  void ask(std::string_view line) {
    if (options_.shell) return send({.words = {}, .shell = std::string(line)});
    const auto words = samples::shell_split(line);
    if (!words) return report("a quotation is not closed");
    if (words->empty()) return input_->prompt();
    send({.words = *words, .shell = {}});
  }

  void ask(const std::vector<std::string>& words) {
    if (!options_.shell) return send({.words = words, .shell = {}});
    std::string line;
    for (const std::string& word : words) line += (line.empty() ? "" : " ") + word;
    send({.words = {}, .shell = line});
  }

  void send(const Request& request) {
    const auto bytes = message(request);
    if (!bytes) return report("a word is no UTF-8, and a request cannot have other bytes");
    waits_ = true;
    if (input_) input_->pause();
    stream_.write(*bytes);
  }

  void take(const protocols::JsonMessage& message) {
    const auto answer = waits_ ? parse_answer(message.header) : std::nullopt;
    if (!answer) throw samples::Failed("the server sends a reply that makes no sense");
    switch (answer->kind) {
      case Answer::Kind::standard_output:
        return take(message.payload, stdout, output_, stdout_bytes_);
      case Answer::Kind::standard_error:
        return take(message.payload, stderr, errors_, stderr_bytes_);
      case Answer::Kind::refused:
        return report(answer->reason);
      case Answer::Kind::end:
        return take_end(*answer);
    }
  }

  void take(protocols::Bytes output, std::FILE* to, samples::EscapedPieces& escaped,
            std::uint64_t& bytes) {
    const std::string_view text = protocols::as_text(output);
    isatty(fileno(to)) != 0 ? print(escaped.feed(text), to) : print(text, to);
    if (!output.empty()) in_line_ = output.back() != std::byte{'\n'};
    bytes += output.size();
  }

  static void print(std::string_view text, std::FILE* to) {
    std::fwrite(text.data(), 1, text.size(), to);
    std::fflush(to);
  }

  // Status 0 is a success only if the server did not have to end the command, and all its output
  // has arrived.
  void take_end(const Answer& end) {
    if (end.stdout_bytes != std::exchange(stdout_bytes_, 0) ||
        end.stderr_bytes != std::exchange(stderr_bytes_, 0)) {
      throw samples::Failed("the server sends less output than it announces");
    }
    print(output_.finish(), stdout);
    print(errors_.finish(), stderr);
    if (!end.killed && end.status == 0 && end.reason.empty()) return go_on();
    report((end.killed ? "signal " : "exit status ") + std::to_string(end.status) +
           (end.reason.empty() ? "" : " (" + end.reason + ")"));
  }

  void report(const std::string& failure) {
    std::fprintf(stderr, "%s\n", samples::printable(failure).c_str());
    ++failures_;
    go_on();
  }

  void go_on() {
    waits_ = false;
    if (!input_ || at_end_) return finish();
    input_->resume();  // There may already be a line.
    if (waits_ || done_) return;
    if (in_line_ && samples::terminal::can_edit()) samples::terminal::show("\n");
    in_line_ = false;
    input_->prompt();
  }

  void finish() {
    done_ = true;
    stream_.close();
  }

  reactor::Loop& loop_;
  const samples::Secret& secret_;
  const Options& options_;
  Stream stream_;
  std::optional<samples::Gate> gate_;
  std::optional<reactor::Framed<protocols::JsonHeaderDecoder>> answers_;
  std::optional<samples::LineInput> input_;
  bool waits_ = false;   // For a response.
  bool at_end_ = false;  // Of the input.
  bool done_ = false;
  bool in_line_ = false;  // The output does not end with a line end.
  samples::EscapedPieces output_;
  samples::EscapedPieces errors_;
  std::uint64_t stdout_bytes_ = 0;  // What has arrived of the current command's output.
  std::uint64_t stderr_bytes_ = 0;
  int failures_ = 0;
};

}  // namespace
}  // namespace remote_command

int main(int count, char** words) {
  std::string secret_file;
  remote_command::Options options;
  samples::CommandLine command_line{
      "Runs a command on a remote_command_server, or one for each line of standard input.\n"
      "Exit code 0 if all of them exited with status 0.\n"
      "Example: remote_command_client 127.0.0.1:9000 --secret-file secret ls -l"};
  command_line.add_option("endpoint", options.endpoint, "HOST:PORT, [::1]:PORT or unix:PATH")
      .required();
  command_line.add_option("--secret-file", secret_file, "The file with the secret").required();
  command_line.add_flag("--shell", options.shell,
                        "Commands are lines for /bin/sh, if the server allows it");
  options.tls.add_options(command_line);
  command_line.add_rest(options.command);
  command_line.footer("After the options: a program and its arguments.");
  return samples::run_program(command_line, count, words, [&] {
    const samples::Secret secret = samples::Secret::read(secret_file);
    options.tls.load();
    reactor::Loop loop;
    const remote_command::Client client(loop, secret, options);
    loop.run();
    if (client.failures() == 1) throw samples::Failed("a command failed");
    if (client.failures() > 1) {
      throw samples::Failed(std::to_string(client.failures()) + " commands failed");
    }
  });
}
