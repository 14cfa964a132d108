// A server for requests with a length in front, by callbacks or by coroutines.
#include <string>

#include "reactor/server_options.hpp"
#include "samples/request_server/server.hpp"
#include "samples/support/memory.hpp"

int main(int count, char** words) {
  std::string endpoint = "127.0.0.1:9003", style = "coroutine";
  samples::CommandLine command_line{
      "Responds to each request, a text with its length in front (32 bits, big-endian), with the\n"
      "text in upper case.\n"
      "Example: request_server --listen 127.0.0.1:9003 --style callbacks"};
  command_line.footer(
      samples::memory_text(reactor::ServerOptions(), 1024 + request_server::max_request_bytes));
  command_line.add_option("--listen", endpoint, "HOST:PORT, [::1]:PORT or unix:PATH; port 0: any");
  command_line.add_option("--style", style, "How the server is written")
      .one_of({"callbacks", "coroutine"});
  return samples::run_program(command_line, count, words, [&] {
    style == "callbacks" ? request_server::serve_by_callbacks(endpoint)
                         : request_server::serve_by_coroutine(endpoint);
  });
}
