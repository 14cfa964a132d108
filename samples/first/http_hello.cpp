// Answers each HTTP/1.1 request: `curl http://127.0.0.1:8080/`.
#include <protocols/http/server_connection.hpp>
#include <reactor/server.hpp>

#include <cstdio>

struct Hello {
  reactor::Stream& stream;
  protocols::http::ServerConnection http{};
  void on_data(std::span<const std::byte> bytes) {
    std::vector<std::byte> out;
    http.feed(bytes);
    while (http.next(out)) http.respond(out, 200, {}, protocols::as_bytes("hello\n"));
    stream.write(out);
    if (http.should_close()) stream.close();
  }
};

int main() {
  reactor::Loop loop;
  auto server = reactor::Server<Hello>::listen(loop, "127.0.0.1:8080");
  if (!server) return std::fprintf(stderr, "error: %s\n", server.error().message().c_str()), 1;
  loop.run();
}
