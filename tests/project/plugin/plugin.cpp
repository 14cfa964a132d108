// A plug-in that contains the library. tests/project/plugin_test.py loads it.
#include <reactor/server.hpp>
#include <reactor/timer.hpp>
#include <reactor/work.hpp>

#include <span>

struct Echo {
  reactor::Stream& stream;
  void on_data(std::span<const std::byte> bytes) { stream.write(bytes); }
};

// Serves one client, calls `inside` from a callback, and waits for a thread. Returns how many bytes
// the client received, plus what `inside` returned.
extern "C" [[gnu::visibility("default")]] int run(int (*inside)()) {
  reactor::Loop loop;
  auto server = reactor::Server<Echo>::listen(loop, "127.0.0.1:0");
  if (!server) return -1;
  int received = 0, returned = 0;
  bool has_worked = false;
  const auto work = reactor::Work::run(
      loop, [] {}, [&] { has_worked = true; });
  auto client = reactor::Stream::connect(loop, server->address());
  if (!client) return -1;
  const auto timer = reactor::Timer::after(loop, std::chrono::milliseconds(1), [&] {
    if (inside) returned = inside();
    client->write("hello");
  });
  client->on_data(
      [&](std::span<const std::byte> bytes) { received += static_cast<int>(bytes.size()); });
  while (received < 5 || !has_worked) loop.run_once();
  return received + returned;
}
