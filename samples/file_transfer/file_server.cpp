// Keeps files for users with accounts; README.md describes what the two sides say to each other.
#include <cmath>
#include <string>

#include "samples/file_transfer/password.hpp"
#include "samples/file_transfer/server/accounts.hpp"
#include "samples/file_transfer/server/session.hpp"
#include "samples/file_transfer/wire.hpp"
#include "samples/support/memory.hpp"
#include "samples/support/program.hpp"
#include "samples/support/sha256.hpp"

namespace file_transfer {
namespace {

// Nothing is written above the high-water mark but the rest of an answer: a page of a listing, or an
// error that tells a path.
reactor::ServerOptions server_options() {
  constexpr std::size_t high_water_bytes = 128 << 10;
  return {.high_water_bytes = high_water_bytes,
          .max_queued_bytes = high_water_bytes + 2 * max_page_bytes};
}

// A page of a folder, what the C library reads ahead of it, and what waits for the client.
std::size_t listing_bytes() { return 2 * max_page_bytes + server_options().max_queued_bytes; }

// A request, a piece of an upload that is received and one that is written, and their decoder.
constexpr std::size_t bytes_each = 4 * max_piece_bytes;

void serve(const std::string& endpoint, const SiteOptions& options) {
  reactor::Loop loop;
  Site site(loop, options);
  auto server = samples::value_of(reactor::Server<Session, Session::Decoder>::listen(
      loop, endpoint, server_options(),
      [&](reactor::Stream& stream) { return Session(loop, stream, site); }));
  const samples::StopSignals signals(loop, [&] { server.drain(); });
  samples::announce(server.address());
  loop.run();
}

void add_user(const std::string& path, const std::string& user, const std::string& quota,
              const std::string& password_file) {
  if (!is_user_name(user)) throw samples::Failed("no name for a user: " + user);
  const std::uint64_t bytes = parse_size(quota);
  Accounts accounts = Accounts::read(path);
  accounts.set(user, read_password(password_file, "password for " + user + ": "), bytes);
  accounts.write(path);
}

}  // namespace
}  // namespace file_transfer

int main(int count, char** words) {
  std::string endpoint = "127.0.0.1:9000";
  std::string user;
  std::string quota = "100M";
  std::string password_file;
  double patience_seconds = 30;
  double idle_seconds = 600;
  file_transfer::SiteOptions site;
  CLI::App command_line{
      "Keeps files for users with accounts. What they send is not encrypted, passwords are not "
      "sent.\n"
      "Example: file_server --accounts accounts.json --root files\n"
      "and before: file_server --accounts accounts.json --add-user ann --quota 100M"};
  command_line.footer(
      samples::memory_text(file_transfer::server_options(), file_transfer::bytes_each) +
      "\nOf these a listing takes " + std::to_string(file_transfer::listing_bytes() >> 10) +
      " KiB, however large its folder is and however little its client reads.");
  command_line.option_defaults()->always_capture_default();
  command_line.add_option("--accounts", site.accounts_file, "The file of accounts")->required();
  command_line.add_option("--root", site.root, "The folder with a folder for each user")
      ->capture_default_str();
  command_line.add_option("--listen", endpoint, "HOST:PORT, [::1]:PORT or unix:PATH; port 0: any");
  const auto* add = command_line.add_option(
      "--add-user", user, "Add this user, or change the password and quota of this user, and end");
  command_line.add_option("--quota", quota, "What the user may store: bytes, or 100M (K, M, G, T)");
  command_line.add_option("--password-file", password_file,
                          "The user's password; typed, or from standard input, if not given");
  command_line
      .add_option("--sessions", site.sessions_of_each, "Sessions that a user may have at a time")
      ->check(CLI::PositiveNumber);
  command_line
      .add_option("--patience", patience_seconds,
                  "Seconds for a login, and without a sign of life amid a transfer")
      ->check(CLI::PositiveNumber);
  command_line.add_option("--idle-timeout", idle_seconds, "Seconds without a request")
      ->check(CLI::PositiveNumber);
  return samples::run_program(command_line, count, words, [&] {
    if (add->count() > 0) {
      return file_transfer::add_user(site.accounts_file, user, quota, password_file);
    }
    const auto seconds = [](double number) {
      return std::chrono::milliseconds(std::llround(number * 1000));
    };
    site.patience.amid_request = seconds(patience_seconds);
    site.patience.between_requests = seconds(idle_seconds);
    file_transfer::serve(endpoint, site);
  });
}
