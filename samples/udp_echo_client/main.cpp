// Sends each line of standard input as a datagram and prints the response.
#include <string>

#include "samples/support/program.hpp"
#include "samples/udp_echo_client/echo_client.hpp"

int main(int count, char** words) {
  std::string endpoint;
  double timeout_seconds = 5;
  bool failed = false;
  samples::CommandLine command_line{
      "Sends each line of standard input to a server as a datagram and prints the reply.\n"
      "Exit code 1 if a line got no reply.\n"
      "Example: echo hello | udp_echo_client 127.0.0.1:9002"};
  command_line.add_option("endpoint", endpoint, "HOST:PORT, [::1]:PORT or unix:PATH").required();
  command_line.add_option("--timeout", timeout_seconds, "Seconds to wait for each reply")
      .within(0.001, 1e6);
  const int status = samples::run_program(command_line, count, words, [&] {
    reactor::Loop loop;
    const udp_echo_client::EchoClient client(loop, endpoint, timeout_seconds);
    loop.run();
    failed = client.failed();
  });
  return status != 0 ? status : failed;
}
