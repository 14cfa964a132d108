// A client of file_server that has not logged in, and does not know a password.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include "fuzz/session.hpp"
#include "protocols/json_header.hpp"
#include "reactor/server.hpp"
#include "samples/file_transfer/server/session.hpp"
#include "samples/file_transfer/server/site.hpp"

namespace file_server_session_fuzz {

using namespace file_transfer;
using Server = reactor::Server<Session, Session::Decoder>;

namespace {

// No password is known to have these keys.
constexpr std::string_view account =
    R"({"decoy_key": "a2V5", "accounts": {"ann": {"salt": "c2FsdA==", "iterations": 4096,
        "stored_key": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "server_key": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "quota_bytes": 1000}}})";

// A folder with the accounts of one user, whose files would be in `root`.
struct Folder {
  Folder() {
    std::string name = "/tmp/uvreactor-fuzz-XXXXXX";
    fuzz::require(mkdtemp(name.data()) != nullptr, "no folder");
    path = name;
    std::filesystem::create_directory(path / "root");
    const std::string file = (path / "accounts").string();
    std::ofstream(file) << account;
    std::filesystem::permissions(file, std::filesystem::perms::owner_read);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path); }

  std::filesystem::path path;
};

void check_answers(const std::string& received) {
  auto answers = decoder(0);
  answers.feed(protocols::as_bytes(received));
  int count = 0;
  while (const auto frame = answers.next()) {
    const auto& head = std::get<protocols::JsonHead>(*frame);
    const auto answer = parse_header(head.header);
    const std::string type = answer ? text_of(*answer, "type") : "";
    fuzz::require(type == "challenge" || type == "error", "answers " + std::string(head.header));
    fuzz::require(head.payload_bytes == 0, "a payload for nobody");
    ++count;
  }
  fuzz::require(!answers.error() && answers.at_boundary(), "what is no answer: " + received);
  fuzz::require(count <= 2, "more answers than a login has");
}

}  // namespace

void fuzz_one(fuzz::Input input) {
  static const Folder folder;
  static const std::string root = (folder.path / "root").string();
  static const std::string endpoint = fuzz::endpoint("files");
  static reactor::Loop loop;
  // A new one for each input: it remembers failed logins.
  static std::optional<Site> site;
  static auto server = Server::listen(
      loop, endpoint, {}, [](reactor::Stream& stream) { return Session(loop, stream, *site); });
  using namespace std::chrono_literals;
  site.emplace(loop, SiteOptions{.accounts_file = (folder.path / "accounts").string(),
                                 .root = root,
                                 .patience = {1h, 1h}});

  std::size_t sent = 0;
  {
    fuzz::Peer peer(endpoint);
    while (!input.rest().empty()) {
      // With its length in front: a fuzzer finds few messages whose length is right.
      const bool is_message = input.number(1) != 0;
      const std::string_view piece = input.bytes(input.number(255));
      std::vector<std::byte> bytes;
      if (is_message) protocols::append_json_header(bytes, piece);
      const std::string_view all = is_message ? protocols::as_text(bytes) : piece;
      sent += all.size();
      peer.send(all);
      fuzz::run_iterations(loop);
    }
    peer.end();
    fuzz::run_iterations(loop, 4);
    check_answers(peer.received());
    fuzz::require(peer.received().size() <= 3 * sent + 600, "answers that are too long");
  }
  fuzz::run_iterations_until(
      loop, [] { return server->connections() == 0; }, "a session stays");
  fuzz::require(std::filesystem::is_empty(root), "a file of nobody");
}

const fuzz::Target target("file_server_session", fuzz_one);

}  // namespace file_server_session_fuzz
