// Fetches several URLs at the same time and prints their bodies in the order of the URLs.
#include <cmath>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "samples/http_get/fetcher.hpp"
#include "samples/http_get/host.hpp"
#include "samples/http_get/printer.hpp"
#include "samples/support/program.hpp"
#include "samples/support/tls.hpp"
#include "web/url.hpp"

namespace {

// Adds NAME=ADDRESS[,ADDRESS...] of `--resolve`. Returns what is wrong with it, or an empty text.
std::string add_addresses(http_get::Options& options, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == text.npos) return text + " is no NAME=ADDRESS";
  const auto name = http_get::ascii_host(std::string_view(text).substr(0, equals));
  if (!name) return text + ": " + name.error();
  auto& addresses = options.client.addresses[*name];
  std::istringstream hosts(text.substr(equals + 1) + ",");
  for (std::string host; std::getline(hosts, host, ',');) {
    const bool is_ipv6 = host.find(':') != host.npos && !host.starts_with('[');
    const auto address = reactor::Address::parse((is_ipv6 ? "[" + host + "]" : host) + ":0");
    if (!address) return host + " is no IPv4 or IPv6 address";
    addresses.push_back(*address);
  }
  return "";
}

std::string check_url(const std::string& text) {
  const auto url = web::parse_url(text, http_get::ascii_host);
  if (!url) return text + " is no http URL: " + url.error();
  if (url->secure && !samples::has_tls()) return text + " is no http URL: it begins with https:";
  return "";
}

void fetch_all(const std::vector<std::string>& urls, const http_get::Options& options,
               std::optional<bool> show_progress) {
  reactor::Loop loop;
  http_get::Printer printer(loop, urls);
  http_get::Fetcher fetcher(loop, options, printer);
  for (const std::string& url : urls) fetcher.add(*web::parse_url(url, http_get::ascii_host));
  printer.show_progress(fetcher, show_progress);
  loop.run();
  if (fetcher.figures().failed > 0) throw samples::Failed("not all could be fetched");
}

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(std::llround(seconds * 1000));
}

}  // namespace

int main(int count, char** words) {
  std::vector<std::string> urls;
  http_get::Options options;
  double timeout = 30;
  double connect_timeout = 10;
  std::optional<bool> show_progress;
  samples::HttpsTls tls;
  samples::CommandLine command_line{
      "Fetches http and https URLs, several at once, and prints their bodies in order.\n"
      "Example: http_get http://127.0.0.1:8080/hello http://127.0.0.1:8080/download?size=1000"};
  command_line.footer(
      "A URL may have spaces and characters of any language: they are sent percent-encoded, in "
      "the\n"
      "name of a host as Punycode.\n"
      "Bodies that arrive before an earlier one are kept, " +
      std::to_string(options.most_kept_bytes >> 20) +
      " MiB in all; beyond that their connections\n"
      "are paused. One that its server ends for that is continued, or fetched again.");
  command_line.add_option("URL", urls, "The URLs").required().check(check_url);
  command_line
      .add_option("--connections", options.client.max_connections_per_origin,
                  "Connections at a time, to each host")
      .within(1, 1000);
  command_line
      .add_option("--redirects", options.client.max_redirects,
                  "Redirections to follow, for each URL")
      .within(0, 1000);
  command_line
      .add_option("--connect-timeout", connect_timeout,
                  "Seconds for each address of a host to accept a connection; the next address is\n"
                  "tried beside it after 0.25 s")
      .within(0.001, 1e6);
  command_line
      .add_option("--timeout", timeout, "Seconds for a response to begin, and for more of it")
      .within(0.001, 1e6);
  command_line
      .add_option(
          "--resolve", [&](const std::string& text) { return add_addresses(options, text); },
          "Connect to these addresses instead of looking the name up; may be repeated")
      .type_name("NAME=ADDRESS[,ADDRESS...]");
  tls.add_options(command_line);
  command_line.add_flag(
      "--progress,!--no-progress", show_progress,
      "Show what has come so far. It is shown without this option too where standard error\n"
      "is a terminal and standard output is not the same one");
  return samples::run_program(command_line, count, words, [&] {
    options.client.response_timeout = options.client.stall_timeout = milliseconds(timeout);
    options.client.connect.attempt_timeout = milliseconds(connect_timeout);
    options.client.tls = tls.context();
    fetch_all(urls, options, show_progress);
  });
}
