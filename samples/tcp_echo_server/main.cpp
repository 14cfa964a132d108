// The smallest server: it sends back whatever a client sends.
#include <string>
#include <vector>

#include "reactor/serve_on_threads.hpp"
#include "samples/support/memory.hpp"
#include "samples/support/program.hpp"
#include "samples/support/tls.hpp"
#include "samples/tcp_echo_server/echo_site.hpp"

int main(int count, char** words) {
  tcp_echo_server::Options options;
  std::string secret_file;
  std::vector<std::string> reached_as;
  samples::CommandLine command_line{
      "Sends back whatever a client sends.\n"
      "Example: tcp_echo_server --listen 127.0.0.1:9000 --listen unix:/tmp/echo --threads 2"};
  samples::ServerTls tls;
  reactor::ServerOptions largest;
  options.access.apply(largest, tcp_echo_server::time_for_login);
  command_line.footer(samples::memory_text(largest, sizeof(tcp_echo_server::Echo)));
  command_line.add_option("--listen", options.endpoints,
                          "HOST:PORT, [::1]:PORT or unix:PATH; may be repeated; port 0: any");
  command_line.add_flag("--upper", options.upper, "Send it back in upper case");
  command_line.add_option("--threads", options.threads, "Loops, one a thread").within(1, 1024);
  command_line
      .add_option("--idle-timeout", options.idle_seconds,
                  "Seconds after which a silent client is disconnected; 0: never. Without it: 30 s "
                  "for a client that has not sent anything, no limit for others")
      .not_negative();
  const auto with_secret = command_line.add_option(
      "--secret-file", secret_file,
      "Serve only clients that prove that they know the secret in this file, which only its owner "
      "may read; use another secret for each service");
  command_line.add_option("--reached-as", reached_as, samples::reached_as_help).needs(with_secret);
  options.access.add_options(command_line, "With --secret-file: ");
  tls.add_options(command_line);
  return samples::run_program(command_line, count, words, [&] {
    options.tls = tls.context();
    if (!secret_file.empty()) options.secret = samples::Secret::read(secret_file);
    options.reached_as = samples::ReachedAs(reached_as);
    samples::check(reactor::serve_on_threads(
        options.endpoints, options.threads,
        [&](reactor::Loop& loop) { return tcp_echo_server::EchoSite(loop, options); },
        samples::announce_all));
  });
}
