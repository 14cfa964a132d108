// A small Redis: strings under keys, in memory. It understands RESP2 and RESP3, so redis-cli,
// redis-benchmark and the client libraries of Redis work with it.
//
//     $ redis-cli -p 6380 set greeting hello ex 60
//     OK
//
// What it holds is lost when it ends. All clients share its one thread.
#include <cstddef>
#include <string>

#include "reactor/stop_signals.hpp"
#include "samples/kv_server/site.hpp"
#include "samples/support/memory.hpp"
#include "samples/support/program.hpp"

int main(int count, char** words) {
  std::string endpoint = "127.0.0.1:6380";
  std::size_t max_memory_bytes = 256 << 20;
  samples::CommandLine command_line{
      "Keeps strings under keys, in memory, for the clients of Redis: GET SET DEL INCR EXPIRE and\n"
      "others, in RESP2 and RESP3.\n"
      "Example: kv_server --listen 127.0.0.1:6380, then: redis-cli -p 6380 set greeting hello"};
  command_line.footer(samples::memory_text(kv::Site::options(), kv::Site::bytes_each) +
                      "\nThe keys take --max-memory besides.");
  command_line.add_option("--listen", endpoint, "HOST:PORT, [::1]:PORT or unix:PATH; port 0: any");
  command_line.add_option("--max-memory", max_memory_bytes,
                          "Bytes that keys and values may take; then writes are refused");
  return samples::run_program(command_line, count, words, [&] {
    reactor::Loop loop;
    kv::Site site(loop, endpoint, max_memory_bytes);
    const auto stop = samples::value_of(reactor::StopSignals::create(loop, [&] { site.close(); }));
    samples::announce(site.address());
    loop.run();
  });
}
