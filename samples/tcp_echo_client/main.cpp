// A client: sends the lines of standard input, prints what it receives.
#include <optional>
#include <string>

#include "samples/support/program.hpp"
#include "samples/support/secret.hpp"
#include "samples/support/tls.hpp"
#include "samples/tcp_echo_client/echo_client.hpp"

int main(int count, char** words) {
  std::string endpoint;
  std::string secret_file;
  samples::ClientTls tls;
  samples::CommandLine command_line{
      "Sends the lines of standard input to a server and prints what it sends back.\n"
      "Example: echo hello | tcp_echo_client 127.0.0.1:9000"};
  command_line.add_option("endpoint", endpoint, "HOST:PORT, [::1]:PORT or unix:PATH").required();
  command_line.add_option("--secret-file", secret_file,
                          "The file with a secret; server and client prove that they know it");
  tls.add_options(command_line);
  return samples::run_program(command_line, count, words, [&] {
    std::optional<samples::Secret> secret;
    if (!secret_file.empty()) secret = samples::Secret::read(secret_file);
    tls.load();
    reactor::Loop loop;
    const tcp_echo_client::EchoClient client(loop, endpoint, secret, tls);
    loop.run();
  });
}
