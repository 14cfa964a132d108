// Puts files on a file_server and gets them: one command from its command line, or the lines of
// standard input.
#include <string>

#include "samples/file_transfer/client/client.hpp"
#include "samples/file_transfer/password.hpp"
#include "samples/support/program.hpp"

int main(int count, char** words) {
  file_transfer::Options options;
  std::string password_file;
  samples::CommandLine command_line{
      "Puts files on a file_server and gets them. What was cut off goes on where it was.\n"
      "Exit code 0 when every command was done.\n"
      "Example: file_client 127.0.0.1:9000 --user ann put a.bin b.bin"};
  command_line.add_option("endpoint", options.endpoint, "HOST:PORT, [::1]:PORT or unix:PATH")
      .required();
  command_line.add_option("--user", options.user, "Who logs in").required();
  command_line.add_option("--password-file", password_file,
                          "The password; typed, or the first line of standard input, if not given");
  options.tls.add_options(command_line);
  command_line.add_rest(options.command);
  command_line.footer(std::string("Behind the options, or as lines of standard input:\n") +
                      file_transfer::command_list());
  return samples::run_program(command_line, count, words, [&] {
    options.password = file_transfer::read_password(password_file, "password: ");
    options.tls.load();
    reactor::Loop loop;
    const file_transfer::Client client(loop, options);
    loop.run();
    if (client.failures() > 0) {
      throw samples::Failed(std::to_string(client.failures()) + " not done");
    }
  });
}
