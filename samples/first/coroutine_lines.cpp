// Answers each line, by a coroutine for each connection: `nc 127.0.0.1 9000`.
#include <protocols/lines.hpp>
#include <reactor/coroutine.hpp>

#include <cstdio>

reactor::Task<> greet(reactor::Connection connection) {
  reactor::Frames<protocols::LineDecoder> lines(connection);
  co_await connection.write("who are you?\n");
  while (auto name = co_await lines.next()) {
    co_await connection.write("hello, " + std::string(*name) + "\n");
  }
}

int main() {
  reactor::Loop loop;
  auto server = reactor::serve(loop, "127.0.0.1:9000", {}, greet);
  if (!server) return std::fprintf(stderr, "error: %s\n", server.error().message().c_str()), 1;
  loop.run();
}
