// Sends each line of a client to all clients: `nc 127.0.0.1 9000` in two terminals.
#include <protocols/lines.hpp>
#include <reactor/server.hpp>

#include <cstdio>
#include <set>

struct Guest {
  explicit Guest(reactor::Stream& of) : stream(of) { all.insert(this); }
  Guest(const Guest&) = delete;
  ~Guest() { all.erase(this); }
  void on_frame(std::string_view line) {
    for (Guest* guest : all) guest->stream.write(std::string(line) + "\n");
  }

  reactor::Stream& stream;
  static inline std::set<Guest*> all;
};

int main() {
  reactor::Loop loop;
  auto server = reactor::Server<Guest, protocols::LineDecoder>::listen(loop, "127.0.0.1:9000");
  if (!server) return std::fprintf(stderr, "error: %s\n", server.error().message().c_str()), 1;
  loop.run();
}
