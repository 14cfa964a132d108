// A chat in the browser: a page with rooms, over WebSocket.
//
//     $ build/samples/websocket_chat
//     listening on 127.0.0.1:8081
//
// The page connects to /rooms/ROOM?name=NAME. Each message of a member goes to all members of its
// room, as `NAME: text`; lines of the server begin with `* `.
#include <string>

#include "reactor/stop_signals.hpp"
#include "samples/support/memory.hpp"
#include "samples/support/program.hpp"
#include "samples/support/tls.hpp"
#include "samples/websocket_chat/rooms.hpp"

int main(int count, char** words) {
  std::string endpoint = "127.0.0.1:8081";
  samples::ServerTls tls;
  samples::CommandLine command_line{
      "A chat in the browser: a page with any number of rooms, over WebSocket.\n"
      "Example: websocket_chat --listen 127.0.0.1:8081, then open http://127.0.0.1:8081/"};
  command_line.footer(samples::memory_text(websocket_chat::Rooms::http_options().server,
                                           websocket_chat::Rooms::bytes_each));
  command_line.add_option("--listen", endpoint, "HOST:PORT, [::1]:PORT or unix:PATH; port 0: any");
  tls.add_options(command_line);
  return samples::run_program(command_line, count, words, [&] {
    const auto context = tls.context();
    reactor::Loop loop;
    websocket_chat::Rooms rooms(loop, endpoint, context);
    const auto reload = samples::reload_on_hangup(loop, context);
    const auto stop = samples::value_of(reactor::StopSignals::create(loop, [&] { rooms.close(); }));
    samples::announce(rooms.address());
    loop.run();
  });
}
