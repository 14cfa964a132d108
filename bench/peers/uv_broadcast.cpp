// libuv's streams: sends the input of each connection to all. `--idiom try_write` sends immediately
// and queues what the kernel does not take; `--idiom write` shares one buffer among all uv_writes.
#include <uv.h>

#include <list>
#include <memory>
#include <vector>

#include "bench/peers/peer.hpp"

using namespace bench;

namespace {

PeerOptions options;
std::vector<char> buffer;

struct Connection {
  uv_tcp_t tcp;
  std::list<Connection>::iterator place;
};
std::list<Connection> connections;

struct Write {
  uv_write_t request;
  std::shared_ptr<std::vector<char>> bytes;
};

void end(uv_handle_t* handle) {
  if (uv_is_closing(handle)) return;
  uv_close(handle, [](uv_handle_t* closed) {
    connections.erase(static_cast<Connection*>(closed->data)->place);
  });
}

void queue(Connection& to, std::shared_ptr<std::vector<char>> bytes) {
  auto* write = new Write{{}, std::move(bytes)};
  write->request.data = write;
  uv_buf_t part = uv_buf_init(write->bytes->data(), static_cast<unsigned>(write->bytes->size()));
  const int status =
      uv_write(&write->request, reinterpret_cast<uv_stream_t*>(&to.tcp), &part, 1,
               [](uv_write_t* request, int) { delete static_cast<Write*>(request->data); });
  if (status < 0) delete write;
}

void send(Connection& to, std::string_view bytes) {
  uv_buf_t part = uv_buf_init(const_cast<char*>(bytes.data()), static_cast<unsigned>(bytes.size()));
  const int sent = uv_try_write(reinterpret_cast<uv_stream_t*>(&to.tcp), &part, 1);
  if (sent == static_cast<int>(bytes.size())) return;
  bytes.remove_prefix(sent < 0 ? 0 : static_cast<std::size_t>(sent));
  queue(to, std::make_shared<std::vector<char>>(bytes.begin(), bytes.end()));
}

void on_read(uv_stream_t* stream, ssize_t count, const uv_buf_t* read) {
  if (count < 0) return end(reinterpret_cast<uv_handle_t*>(stream));
  if (count == 0) return;
  const std::string_view bytes(read->base, static_cast<std::size_t>(count));
  if (options.idiom == "write") {
    const auto shared = std::make_shared<std::vector<char>>(bytes.begin(), bytes.end());
    for (Connection& connection : connections) queue(connection, shared);
  } else {
    for (Connection& connection : connections) send(connection, bytes);
  }
}

void on_connection(uv_stream_t* listener, int status) {
  if (status < 0) return;
  Connection& connection = connections.emplace_front();
  connection.place = connections.begin();
  uv_tcp_init(listener->loop, &connection.tcp);
  connection.tcp.data = &connection;
  auto* stream = reinterpret_cast<uv_stream_t*>(&connection.tcp);
  if (uv_accept(listener, stream) < 0) return end(reinterpret_cast<uv_handle_t*>(stream));
  uv_tcp_nodelay(&connection.tcp, 1);
  uv_read_start(
      stream,
      [](uv_handle_t*, std::size_t, uv_buf_t* part) {
        *part = uv_buf_init(buffer.data(), static_cast<unsigned>(buffer.size()));
      },
      on_read);
}

void serve() {
  const int fd = listen_and_tell(options);
  buffer.resize(options.buffer_bytes);
  uv_tcp_t listener;
  if (uv_tcp_init(uv_default_loop(), &listener) < 0 || uv_tcp_open(&listener, fd) < 0 ||
      uv_listen(reinterpret_cast<uv_stream_t*>(&listener), SOMAXCONN, on_connection) < 0) {
    throw std::runtime_error("uv_listen");
  }
  uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}

}  // namespace

int main(int argc, char** argv) {
  options = parse_peer_options(argc, argv, "try_write");
  return run_peer(serve);
}
