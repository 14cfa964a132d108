// A chat room: what one says, all read. Lines of UTF-8 in both directions:
//
//     hello, all              said to everybody, who receive `NAME: hello, all`
//     /nick NAME              a name to be known by, guest-1 and so on until then
//     /who  /quit
//     * ann joined            from the server; nobody can say a line that begins like this
//     ! that name is taken    from the server, to one client: a command that was refused
//
// What a client sends that never ends a line counts as a line after half a second, as does what
// stands behind the last line when it ends its side.
//
// A client joins with its first line, under its name if that line is a /nick. Everybody receives
// everything in the same order, its sender too. A client that does not read is dropped when more
// than --max-unread bytes wait for it; nobody else waits.
#include <string>

#include "reactor/stop_signals.hpp"
#include "samples/chat/room.hpp"
#include "samples/support/memory.hpp"
#include "samples/support/program.hpp"

int main(int count, char** words) {
  std::string endpoint = "127.0.0.1:9000";
  std::size_t max_unread_bytes = 4 << 20;
  samples::CommandLine command_line{
      "A chat room: what one says, all read. What a client sends without a newline counts as a "
      "line\n"
      "after half a second.\n"
      "Example: chat_server --listen 127.0.0.1:9000"};
  // A member may have sent a line that has no end yet.
  command_line.footer(
      samples::memory_text(chat::Room::options(max_unread_bytes), chat::Room::bytes_each));
  command_line.add_option("--listen", endpoint, "HOST:PORT, [::1]:PORT or unix:PATH; port 0: any");
  command_line.add_option("--max-unread", max_unread_bytes,
                          "Bytes that may wait for a client before it is dropped");
  return samples::run_program(command_line, count, words, [&] {
    reactor::Loop loop;
    chat::Room room(loop, endpoint, max_unread_bytes);
    const auto stop = samples::value_of(reactor::StopSignals::create(loop, [&] { room.close(); }));
    samples::announce(room.address());
    loop.run();
  });
}
