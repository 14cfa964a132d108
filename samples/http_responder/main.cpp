// An HTTP/1.1 server: the files of a folder, or a few routes and a page of live figures.
#include <csignal>
#include <optional>

#include "reactor/serve_on_threads.hpp"
#include "samples/http_responder/listing.hpp"
#include "samples/http_responder/options.hpp"
#include "samples/http_responder/site.hpp"
#include "samples/support/memory.hpp"
#include "samples/support/program.hpp"
#include "samples/support/tls.hpp"

namespace {

using responder::Options;
using responder::Site;

void serve(const Options& options) {
  // If the reader of the log ends, the server continues.
  if (options.log) std::signal(SIGPIPE, SIG_IGN);
  std::optional<web::Folder> root;
  if (!options.root.empty()) {
    root.emplace(samples::value_of(web::Folder::open(
        options.root, {.refuse_links = options.refuse_links, .hidden = options.hidden})));
  }
  responder::Figures figures;
  samples::check(reactor::serve_on_threads(
      options.endpoints, options.threads,
      [&](reactor::Loop& loop) { return Site(loop, options, root ? &*root : nullptr, figures); },
      samples::announce_all));
}

std::string limits_text() {
  using namespace responder;
  const auto kib = [](std::size_t bytes) { return std::to_string(bytes / 1024) + " KiB"; };
  return samples::memory_text(Site::server_options().server,
                              max_connection_bytes - max_queued_bytes) +
         "\nA connection holds at most " + kib(max_connection_bytes) + ": " + kib(max_head_bytes) +
         " of a head and as much of trailers, " + kib(read_bytes) + " of requests behind it, " +
         kib(max_echo_bytes) + " of a body to echo, and " + kib(max_queued_bytes) +
         " of answers that wait to be read. An idle one holds next to nothing.\n"
         "The page of a folder takes " +
         kib(FolderListing::most_bytes + listing_rows_bytes + high_water_bytes + write_bytes) +
         " of that, however large the folder.";
}

}  // namespace

int main(int count, char** words) {
  Options options;
  samples::CommandLine command_line{
      "Serves the files of a folder over HTTP/1.1, or without --root a few routes and a page of\n"
      "live figures at /.\n"
      "Example: http_responder --root public --list --listen 127.0.0.1:8080"};
  command_line.footer(limits_text());
  command_line.add_option("--root", options.root, "The folder to serve").type_name("DIR");
  command_line.add_option("--listen", options.endpoints,
                          "HOST:PORT, [::1]:PORT or unix:PATH; may be repeated; port 0: any");
  command_line.add_option("--threads", options.threads, "Loops, one a thread").within(1, 1024);
  command_line.add_flag(
      "--list", options.list,
      "List folders that have no index.html, with sizes and times: sorted, folders first, but\nin "
      "no order where there are more than some 2,000 names");
  command_line.add_flag("--hidden", options.hidden,
                        "Serve and list also what has a name like .git: one dot, then no other");
  command_line.add_flag("--refuse-links", options.refuse_links,
                        "Follow no symbolic link, not even within the root");
  command_line.add_flag("--log", options.log, "A line for each answer, to standard error");
  const auto add_timeout = [&](const char* name, double& seconds, const char* meaning) {
    command_line.add_option(name, seconds, meaning).within(0.001, 1e6);
  };
  add_timeout("--head-timeout", options.head_timeout,
              "For the head of a request, from its first byte to its last");
  add_timeout("--idle-timeout", options.idle_timeout, "For the next request");
  add_timeout("--stall-timeout", options.stall_timeout,
              "For 4 KiB more of a body to come, or of an answer to be read");
  samples::ServerTls tls;
  tls.add_options(command_line);
  return samples::run_program(command_line, count, words, [&] {
    options.tls = tls.context();
    serve(options);
  });
}
