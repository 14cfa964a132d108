// An HTTP/1.1 server on the library, for `./dev bench http http_pipelined http_file`. It sends
// "Hello, world!", or with --file-bytes N a file of that size, which it opens for each request.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/http/date.hpp"
#include "protocols/http/server_connection.hpp"
#include "reactor/file.hpp"
#include "reactor/server.hpp"
#include "reactor/signal.hpp"

namespace {

using protocols::http::RequestEvent;

/// What all connections share.
struct Shared {
  reactor::Loop& loop;
  protocols::http::FieldLines with_every_answer;
  protocols::http::FieldLines plain_text;
  std::string file;  // Empty if there is no file.
  reactor::Loop::Clock::time_point refresh_at{};
  std::vector<std::byte> out;

  void refresh_date() {
    if (loop.now() < refresh_at) return;
    refresh_at = loop.now() + std::chrono::seconds(1);
    with_every_answer.clear();
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    (void)with_every_answer.add({"Date", protocols::http::format_date(now)});
  }
};

struct Session {
  reactor::Stream& stream;
  Shared& shared;
  protocols::http::ServerConnection http{{{}, &shared.with_every_answer}};

  void on_data(std::span<const std::byte> bytes) {
    shared.refresh_date();
    http.feed(bytes);
    while (const auto event = http.next(shared.out)) {
      if (event->kind != RequestEvent::Kind::end) continue;
      if (!shared.file.empty()) {
        send_file();
        continue;
      }
      http.respond(shared.out, 200, shared.plain_text, protocols::as_bytes("Hello, world!\n"));
    }
    stream.write(shared.out);
    shared.out.clear();
    if (http.should_close()) stream.close();
  }

  void send_file() {
    auto file = reactor::File::open(shared.file);
    const auto size = file->size();
    http.begin_response(shared.out, 200, shared.plain_text, *size);
    http.count_body(*size);
    stream.write(shared.out);
    shared.out.clear();
    stream.write_file(std::move(*file), 0, *size);
    http.end_response(shared.out);
  }
};

/// A file in the folder for temporary files; the destructor removes it.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::size_t size) {
    path_ = std::filesystem::temp_directory_path() / ("uvreactor-" + std::to_string(getpid()));
    std::ofstream(path_) << std::string(size, 'x');
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  [[nodiscard]] std::string path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace

int main(int argc, char** argv) {
  reactor::Loop loop;
  Shared shared{loop, {}, {}, {}, {}, {}};
  std::optional<TemporaryFile> file;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::string_view(argv[i]) != "--file-bytes") continue;
    shared.file = file.emplace(std::strtoul(argv[i + 1], nullptr, 10)).path();
  }
  (void)shared.plain_text.add({"Content-Type", "text/plain"});
  auto server =
      reactor::Server<Session>::listen(loop, "127.0.0.1:0", {}, [&](reactor::Stream& stream) {
        return Session{stream, shared};
      });
  if (!server) {
    std::fprintf(stderr, "error: %s\n", server.error().message().c_str());
    return 1;
  }
  std::printf("listening on %s\n", server->address().to_string().c_str());
  std::fflush(stdout);
  const auto end = reactor::Signal::create(loop, SIGTERM, [&loop] { loop.stop(); });
  loop.run();
}
