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
      "Uploads files to a file_server and downloads them. An interrupted transfer is resumed.\n"
      "Exit code 0 if every command succeeded.\n"
      "Example: file_client 127.0.0.1:9000 --user ann put a.bin b.bin"};
  command_line.add_option("endpoint", options.endpoint, "HOST:PORT, [::1]:PORT or unix:PATH")
      .required();
  command_line.add_option("--user", options.user, "The name of the account").required();
  command_line.add_option(
      "--password-file", password_file,
      "The file with the password [typed, or the first line of standard input]");
  options.tls.add_options(command_line);
  command_line.add_rest(options.command);
  command_line.footer(std::string("After the options, or as lines of standard input:\n") +
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
