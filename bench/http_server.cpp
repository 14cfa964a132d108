// "Hello, world!" over HTTP/1.1 on the library, for `./dev bench http`.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "protocols/http/date.hpp"
#include "protocols/http/server_connection.hpp"
#include "reactor/server.hpp"
#include "reactor/signal.hpp"

namespace {

using protocols::http::RequestEvent;

/// What all connections share.
struct Shared {
  reactor::Loop& loop;
  protocols::http::FieldLines with_every_answer;
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
      http.respond(shared.out, 200, {{"Content-Type", "text/plain"}},
                   protocols::as_bytes("Hello, world!\n"));
    }
    stream.write(shared.out);
    shared.out.clear();
    if (http.is_over()) stream.close();
  }
};

}  // namespace

int main() {
  reactor::Loop loop;
  Shared shared{loop, {}, {}, {}};
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
