// A chat room: each line of a client goes to all clients. Lines are UTF-8 in both directions:
//
//     hello, all              sent to everyone, as `NAME: hello, all`
//     /nick NAME              a name for the client, which is guest-1 and so on until then
//     /who  /quit
//     * ann joined            from the server; no client can send a line that begins like this
//     ! that name is taken    from the server, to one client: a command was refused
//
// If a client has never sent a line end, its text counts as a line after half a second without more
// text. Text behind the last line end counts as a line when the client ends its side.
//
// A client joins with its first line, under its name if that line is a /nick. All clients, the
// sender too, receive all lines in the same order. A client that does not read is dropped when more
// than --max-unread bytes wait for it; no other client waits for it.
#include <string>

#include "reactor/stop_signals.hpp"
#include "samples/chat/room.hpp"
#include "samples/support/memory.hpp"
#include "samples/support/program.hpp"
#include "samples/support/tls.hpp"

int main(int count, char** words) {
  std::string endpoint = "127.0.0.1:9000";
  std::size_t max_unread_bytes = 4 << 20;
  samples::ServerTls tls;
  samples::CommandLine command_line{
      "A chat room: each line is sent to all clients. Text without a newline counts as a line\n"
      "after half a second.\n"
      "Example: chat_server --listen 127.0.0.1:9000"};
  // A member may have sent a line without its end.
  command_line.footer(
      samples::memory_text(chat::Room::options(max_unread_bytes), chat::Room::bytes_each));
  command_line.add_option("--listen", endpoint, "HOST:PORT, [::1]:PORT or unix:PATH; port 0: any");
  command_line.add_option("--max-unread", max_unread_bytes,
                          "Bytes that may wait for a client before it is dropped");
  tls.add_options(command_line);
  return samples::run_program(command_line, count, words, [&] {
    const auto context = tls.context();
    reactor::Loop loop;
    chat::Room room(loop, endpoint, max_unread_bytes, context);
    const auto reload = samples::reload_on_hangup(loop, context);
    const auto stop = samples::value_of(reactor::StopSignals::create(loop, [&] { room.close(); }));
    samples::announce(room.address());
    loop.run();
  });
}
