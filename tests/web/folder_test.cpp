#include "web/folder.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "web/served.hpp"

using web::Folder;
using web::Request;
using web::Response;

namespace {

namespace fs = std::filesystem;

struct TemporaryFolder {
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "web-XXXXXX").string();
    path = mkdtemp(name.data());
    fs::create_directories(path / "root/sub");
    write("root/a.txt", "text");
    write("root/sub/b.bin", std::string(300000, 'b'));
    write("root/.hidden", "hidden");
    write("secret", "secret");
    fs::create_symlink("a.txt", path / "root/link");
    fs::create_symlink("../secret", path / "root/out");
    REQUIRE(mkfifo((path / "root/fifo").c_str(), 0600) == 0);
  }
  ~TemporaryFolder() { fs::remove_all(path); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  void write(const char* name, const std::string& text) const {
    std::ofstream(path / name) << text;
  }
  [[nodiscard]] std::string root() const { return (path / "root").string(); }

  fs::path path;
};

}  // namespace

TEST_SUITE("Folder") {
  TEST_CASE("nothing outside of it is opened, and nothing hidden, and no FIFO") {
    const TemporaryFolder made;
    const Folder folder = ok(Folder::open(made.root()));
    for (const char* path : {"../secret", "/../secret", "sub/../../secret", "out", ".hidden",
                             "sub/../.hidden", "missing", "a.txt/", "fifo", "sub", "", "/", "."}) {
      CAPTURE(path);
      CHECK_FALSE(folder.open_file(path));
    }
    CHECK_FALSE(folder.open_file(std::string("a.txt\0", 6)));
    CHECK(failure(Folder::open("/nowhere")) == "open folder /nowhere: no such file or directory");
    CHECK(folder.find("sub")->kind == Folder::Found::Kind::directory);
    CHECK(folder.find("/")->kind == Folder::Found::Kind::directory);
    CHECK(folder.find("fifo")->kind == Folder::Found::Kind::other);
  }

  TEST_CASE("links within it are followed, unless they are refused") {
    const TemporaryFolder made;
    CHECK(ok(Folder::open(made.root())).open_file("link"));
    CHECK_FALSE(ok(Folder::open(made.root(), {.refuse_links = true})).open_file("link"));
    CHECK(ok(Folder::open(made.root(), {.hidden = true})).open_file("/.hidden"));
  }

  TEST_CASE("a route serves it whole, in parts, and on conditions") {
    const TemporaryFolder made;
    const Folder folder = ok(Folder::open(made.root()));
    Served served;
    served.server->route("GET", "/s/{path...}", [&](const Request& request, Response response) {
      response.send_file(folder.open_file(request.parameter("path")), {{"Cache-Control", "x"}});
    });
    const std::string whole = served.ask("GET", "/s/a.txt");
    CHECK(body_of(whole) == "text");
    CHECK(contains(whole, "Content-Type: text/plain; charset=utf-8\r\n"));
    CHECK(contains(whole, "Cache-Control: x\r\n"));
    CHECK(contains(whole, "X-Content-Type-Options: nosniff\r\n"));
    const std::size_t at = whole.find("ETag: ");
    const std::string tag = whole.substr(at + 6, whole.find('\r', at) - at - 6);
    CHECK(status_of(served.ask("GET", "/s/a.txt", "If-None-Match: " + tag + "\r\n")) == 304);
    CHECK(status_of(served.ask("GET", "/s/a.txt", "If-Match: \"x\"\r\n")) == 412);
    const std::string part = served.ask("GET", "/s/a.txt", "Range: bytes=1-2\r\n");
    CHECK(status_of(part) == 206);
    CHECK(body_of(part) == "ex");
    CHECK(status_of(served.ask("GET", "/s/a.txt", "Range: bytes=9-\r\n")) == 416);
    CHECK(body_of(served.ask("GET", "/s/sub/b.bin")).size() == 300000);
    CHECK(body_of(served.ask("GET", "/s/sub/b.bin", "Range: bytes=100000-\r\n")).size() == 200000);
    CHECK(contains(served.ask("HEAD", "/s/sub/b.bin"), "Content-Length: 300000\r\n"));
    for (const char* path :
         {"/s/..%2fsecret", "/s/out", "/s/.hidden", "/s/sub", "/s/", "/s/fifo"}) {
      CAPTURE(path);
      CHECK(status_of(served.ask("GET", path)) == 404);
    }
    CHECK(status_of(served.ask("GET", "/s/%2e%2e/secret")) == 400);
  }

  TEST_CASE("a file is sent later too, with the conditions of its request") {
    const TemporaryFolder made;
    Served served;
    std::optional<Response> kept;
    served.server->route(
        "GET", "/", [&](const Request&, Response response) { kept.emplace(std::move(response)); });
    Peer& peer = served.connect();
    peer.send(get("/", "Range: bytes=0-1\r\n"));
    run_until(served.loop, [&] { return kept.has_value(); });
    kept->send_file(web::FileContent::open(made.root() + "/a.txt"), {{"Content-Type", "a/b"}});
    served.until_received(peer, "\r\n\r\nte");
    CHECK(status_of(peer.received()) == 206);
    CHECK(contains(peer.received(), "Content-Type: a/b\r\n"));
    CHECK_FALSE(contains(peer.received(), "text/plain"));
  }
}
