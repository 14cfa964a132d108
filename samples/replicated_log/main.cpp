// One of three nodes that keep the same list of lines, also while one of them is down.
#include <fstream>
#include <string>
#include <vector>

#include "reactor/resolver.hpp"
#include "reactor/stop_signals.hpp"
#include "samples/replicated_log/node.hpp"
#include "samples/support/file_update.hpp"
#include "samples/support/memory.hpp"
#include "samples/support/program.hpp"

namespace {

using replicated_log::Memory;

Memory read(std::ifstream file) {
  Memory memory;
  file >> memory.term >> memory.has_voted;
  for (replicated_log::Entry entry;
       file >> entry.term && std::getline(file.ignore(), entry.text);) {
    memory.log.push_back(entry);
  }
  return memory;
}

// A service with more lines would append them to a file, in a thread of its own.
void write(const std::string& path, const Memory& memory) {
  std::string text = std::to_string(memory.term) + (memory.has_voted ? " 1\n" : " 0\n");
  for (const auto& entry : memory.log) text += std::to_string(entry.term) + " " + entry.text + "\n";
  samples::FileUpdate("write " + path, path).replace(text);
}

}  // namespace

int main(int count, char** words) {
  std::string own = "127.0.0.1:9000";
  std::vector<std::string> others;
  std::string path;
  const reactor::ServerOptions options{.max_connections = 100};
  samples::CommandLine command_line{
      "A node of a group that keeps one list of lines. Clients send `add TEXT` and `list` to the\n"
      "leader; the other nodes respond `not the leader`. Nodes trust the addresses of the others.\n"
      "Example: replicated_log --listen 10.0.0.1:9000 --peer 10.0.0.2:9000 --peer 10.0.0.3:9000 "
      "--data log"};
  command_line.footer(samples::memory_text(options, 64 * 1024));
  command_line.add_option("--listen", own, "HOST:PORT or [::1]:PORT, of TCP and UDP; port 0: any");
  command_line.add_option("--peer", others, "HOST:PORT of another node; may be repeated")
      .one_value_each();
  command_line.add_option("--data", path, "The file of the log, and of what the node has promised")
      .required();
  return samples::run_program(command_line, count, words, [&] {
    const auto address = [](const std::string& endpoint) {
      return samples::value_of(reactor::resolve_now(endpoint)).front();
    };
    std::vector<reactor::Address> peers;
    for (const std::string& other : others) peers.push_back(address(other));
    reactor::Loop loop;
    Memory memory = read(std::ifstream(path));
    const auto save = [&] { write(path, memory); };
    replicated_log::Node node(loop, address(own), peers, memory, save, options);
    const auto stop = samples::value_of(reactor::StopSignals::create(loop, [&] { loop.stop(); }));
    samples::announce(node.address());
    loop.run();
  });
}
