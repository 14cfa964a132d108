// Two people type to each other over a connection: the first program of most tutorials.
#include <chrono>
#include <cmath>
#include <string>

#include "samples/dialog/conversation.hpp"
#include "samples/dialog/dialog.hpp"
#include "samples/support/memory.hpp"
#include "samples/support/program.hpp"

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
      dialog::most_queued_bytes + 3 * dialog::most_line_bytes,
      "one connection with " + samples::mebibytes(dialog::most_queued_bytes) +
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
    if (listen.empty()) return dialog::call(endpoint);
    dialog::serve(listen, std::chrono::milliseconds(std::llround(idle_seconds * 1000)));
  });
}
