// libevent's bufferevents: sends the input of each connection to all connections.
#include <unordered_set>
#include <vector>

#include "bench/peers/libevent_loop.hpp"

using namespace bench;

namespace {

std::unordered_set<bufferevent*> connections;
std::vector<char> buffer;

void on_input(bufferevent* stream, void*) {
  while (const std::size_t count = bufferevent_read(stream, buffer.data(), buffer.size())) {
    for (bufferevent* connection : connections) bufferevent_write(connection, buffer.data(), count);
  }
}

void on_end(bufferevent* stream, short, void*) {
  connections.erase(stream);
  bufferevent_free(stream);
}

void accept_one(int fd) { connections.insert(buffered(fd, on_input, on_end)); }

}  // namespace

int main(int argc, char** argv) {
  return run_peer([&] {
    const PeerOptions options = parse_peer_options(argc, argv);
    buffer.resize(options.buffer_bytes);
    serve_by_libevent<accept_one>(options);
  });
}
