// Keeps files for users with accounts; README.md describes the protocol.
#include <cmath>
#include <string>
#include <vector>

#include "reactor/stop_signals.hpp"
#include "samples/file_transfer/password.hpp"
#include "samples/file_transfer/server/accounts.hpp"
#include "samples/file_transfer/server/session.hpp"
#include "samples/file_transfer/wire.hpp"
#include "samples/support/access.hpp"
#include "samples/support/endpoint.hpp"
#include "samples/support/memory.hpp"
#include "samples/support/program.hpp"
#include "samples/support/sha256.hpp"
#include "samples/support/tls.hpp"

namespace file_transfer {
namespace {

// Above the high-water mark only the rest of a response is written: a page of a listing, or an
// error that contains a path.
constexpr std::size_t high_water_bytes = 128 << 10;
constexpr std::size_t max_queued_bytes = high_water_bytes + 2 * max_page_bytes;

// A session has its user's folder open, the file that it receives or sends, and for a moment the
// folder that contains the file.
reactor::ServerOptions server_options(const samples::Access& access, const Patience& patience,
                                      std::optional<reactor::TlsContext> tls = {}) {
  reactor::ServerOptions server{.tls = std::move(tls),
                                .descriptors_each = 4,
                                .high_water_bytes = high_water_bytes,
                                .max_queued_bytes = max_queued_bytes};
  access.apply(server, patience.amid_request);
  return server;
}

// A page of a folder, what the C library reads ahead of it, and what waits for the client.
constexpr std::size_t listing_bytes = 2 * max_page_bytes + max_queued_bytes;

// A request, a piece of an upload that is received and one that is written, and their decoder.
constexpr std::size_t bytes_each = 4 * max_piece_bytes;

void serve(const std::string& endpoint, const SiteOptions& options, const samples::Access& access,
           const std::optional<reactor::TlsContext>& tls) {
  reactor::Loop loop;
  Site site(loop, options);
  auto server = samples::value_of(reactor::Server<Session, Session::Decoder>::listen(
      loop, endpoint, server_options(access, options.patience, tls),
      [&](reactor::Stream& stream) { return Session(loop, stream, site); }));
  samples::log_errors(server);
  const auto reload = samples::reload_on_hangup(loop, tls);
  const auto stop = samples::value_of(reactor::StopSignals::create(loop, [&] { server.drain(); }));
  samples::announce(server.address());
  loop.run();
}

void add_user(const std::string& path, const std::string& user, const std::string& quota,
              const std::string& password_file) {
  if (!is_user_name(user)) throw samples::Failed("no name for a user: " + user);
  const std::uint64_t bytes = parse_size(quota);
  (void)Accounts::read(path);  // Reports an error before the password is typed.
  const std::string password = read_password(password_file, "password for " + user + ": ");
  Accounts::update(path, [&](Accounts& accounts) { accounts.set(user, password, bytes); });
}

}  // namespace
}  // namespace file_transfer

int main(int count, char** words) {
  std::string endpoint = "127.0.0.1:9000";
  std::string user;
  std::string quota = "100M";
  std::string password_file;
  std::vector<std::string> reached_as;
  double patience_seconds = 30;
  double idle_seconds = 600;
  file_transfer::SiteOptions site;
  samples::Access access;
  samples::CommandLine command_line{
      "Keeps files for users with accounts. Only TLS encrypts what they send; passwords are not "
      "sent.\n"
      "Example: file_server --accounts accounts.json --root files\n"
      "and before: file_server --accounts accounts.json --add-user ann --quota 100M"};
  command_line.footer(samples::memory_text(file_transfer::server_options(access, site.patience),
                                           file_transfer::bytes_each) +
                      "\nOf these a listing takes " +
                      std::to_string(file_transfer::listing_bytes >> 10) +
                      " KiB, however large its folder is and however little its client reads.");
  command_line
      .add_option("--accounts", site.accounts_file,
                  "The file of accounts, which only its owner may read")
      .required();
  command_line.add_option("--root", site.root, "The folder with a folder for each user");
  command_line.add_option("--listen", endpoint, "HOST:PORT, [::1]:PORT or unix:PATH; port 0: any");
  command_line.add_option("--reached-as", reached_as, samples::reached_as_help);
  const auto add = command_line.add_option(
      "--add-user", user, "Add this user, or change the password and quota of this user, and end");
  command_line.add_option("--quota", quota, "What the user may store: bytes, or 100M (K, M, G, T)");
  command_line.add_option("--password-file", password_file,
                          "The file with the user's password [typed, or from standard input]");
  command_line
      .add_option("--sessions", site.sessions_of_each, "Sessions that a user may have at a time")
      .positive();
  command_line
      .add_option("--patience", patience_seconds,
                  "Seconds for a login, and without a byte during a transfer")
      .positive();
  command_line.add_option("--idle-timeout", idle_seconds, "Seconds without a request").positive();
  access.add_options(command_line);
  samples::ServerTls tls;
  tls.add_options(command_line);
  return samples::run_program(command_line, count, words, [&] {
    if (add.is_given()) {
      return file_transfer::add_user(site.accounts_file, user, quota, password_file);
    }
    const auto seconds = [](double number) {
      return std::chrono::milliseconds(std::llround(number * 1000));
    };
    site.patience.amid_request = seconds(patience_seconds);
    site.patience.between_requests = seconds(idle_seconds);
    site.reached_as = samples::ReachedAs(reached_as);
    file_transfer::serve(endpoint, site, access, tls.context());
  });
}
