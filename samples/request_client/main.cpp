// A client for requests with a length in front, by callbacks or by coroutines.
#include <string>

#include "samples/request_client/client.hpp"
#include "samples/support/program.hpp"

int main(int count, char** words) {
  request_client::Options options;
  std::string style = "coroutine";
  samples::CommandLine command_line{
      "Sends requests one after the other, and prints the responses. When the connection fails, "
      "it\n"
      "connects again: after 50 ms, and after twice as long each further time, up to 5 s.\n"
      "Example: request_client 127.0.0.1:9003 hello world"};
  command_line.add_option("endpoint", options.endpoint, "HOST:PORT, [::1]:PORT or unix:PATH")
      .required();
  command_line.add_option("requests", options.requests, "The texts to send").required();
  command_line
      .add_option("--tries", options.tries,
                  "Attempts that may fail, one after the other, before it gives up")
      .positive();
  command_line.add_option("--style", style, "How the client is written")
      .one_of({"callbacks", "coroutine"});
  return samples::run_program(command_line, count, words, [&] {
    style == "callbacks" ? request_client::ask_by_callbacks(options)
                         : request_client::ask_by_coroutine(options);
  });
}
