// A chat without a server: each line goes to a named peer, as one datagram.
#include <string>

#include "reactor/datagram.hpp"
#include "samples/support/memory.hpp"
#include "samples/support/program.hpp"
#include "samples/udp_chat/chat.hpp"
#include "samples/udp_chat/friend.hpp"

int main(int count, char** words) {
  udp_chat::Options options;
  samples::CommandLine command_line{
      "Sends lines `NAME: text` to the peer of that name, and prints what it receives, until its\n"
      "input ends. A line `@HOST:PORT: text` replies to a sender that is not named by --peer.\n"
      "Example: udp_chat --listen 127.0.0.1:9002 --peer bob=127.0.0.1:9003"};
  const reactor::DatagramOptions socket = {.icmp_errors = true};
  command_line.footer(samples::memory_text(
      socket.most_bytes() + udp_chat::most_strangers * sizeof(reactor::Address),
      "what it receives, and " + samples::mebibytes(socket.max_queued_bytes) +
          " of lines that wait. A --peer of several addresses adds\n" +
          samples::mebibytes(udp_chat::Friend::most_bytes)));
  command_line.add_option("--listen", options.listen, "HOST:PORT or [::1]:PORT; port 0: any");
  command_line.add_option("--peer", options.peers, "NAME=HOST:PORT; may be repeated")
      .check([](const std::string& peer) {
        const std::size_t sign = peer.find('=');
        if (sign == 0 || sign == peer.npos) return peer + ": not NAME=HOST:PORT";
        const std::string name = peer.substr(0, sign);
        const bool fits = name.front() != '@' && name.find(':') == name.npos;
        return fits ? "" : name + ": a name has no colon and does not begin with @";
      });
  return samples::run_program(command_line, count, words, [&] { udp_chat::chat(options); });
}
