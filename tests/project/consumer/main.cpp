// A program of another project that uses the library. tests/project/ builds it.
#include <protocols/lines.hpp>
#include <reactor/loop.hpp>
#include <reactor/timer.hpp>
#include <web/http_server.hpp>

#include <cstdio>
#include <span>

int main() {
  reactor::Loop loop;
  int ticks = 0;
  auto timer = reactor::Timer::after(loop, std::chrono::milliseconds(1), [&] { ++ticks; });
  loop.run();

  protocols::LineDecoder decoder;
  decoder.feed(std::as_bytes(std::span("one\ntwo\n", 8)));
  int lines = 0;
  while (decoder.next()) ++lines;

  web::HttpServer server(loop);
  server.route("GET", "/", [](const web::Request&, web::Response response) { response.send(200); });
  const bool listens = server.listen("127.0.0.1:0").has_value();

  std::printf("%d tick, %d lines%s\n", ticks, lines, listens ? ", a server" : "");
}
