// libuv's streams. `--idiom try_write` sends immediately what the kernel takes and queues the rest;
// `--idiom write` passes every answer to uv_write, as libuv's guide does.
#include <uv.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "bench/peers/peer.hpp"

using namespace bench;

namespace {

constexpr std::size_t high_water_bytes = 1 << 20;

PeerOptions options;
std::vector<char> shared_buffer;

struct Connection {
  union {
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  };
  std::string partial;  // The beginning of a message.
};

// An answer that is being written, with its bytes.
struct Write {
  uv_write_t request;
  std::unique_ptr<char[]> bytes;
};

Connection& connection_of(uv_stream_t* stream) { return *static_cast<Connection*>(stream->data); }

void check(int status, const char* what) {
  if (status < 0) throw std::runtime_error(std::string(what) + ": " + uv_strerror(status));
}

void end(uv_stream_t* stream) {
  auto* handle = reinterpret_cast<uv_handle_t*>(stream);
  if (uv_is_closing(handle)) return;
  uv_close(handle, [](uv_handle_t* closed) { delete static_cast<Connection*>(closed->data); });
}

void allocate_shared(uv_handle_t*, std::size_t, uv_buf_t* buffer) {
  *buffer = uv_buf_init(shared_buffer.data(), static_cast<unsigned>(shared_buffer.size()));
}

void allocate_own(uv_handle_t*, std::size_t suggested, uv_buf_t* buffer) {
  *buffer = uv_buf_init(new char[suggested], static_cast<unsigned>(suggested));
}

void on_shared_read(uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer);

void queue(uv_stream_t* stream, std::unique_ptr<char[]> bytes, std::size_t size) {
  auto* write = new Write{{}, std::move(bytes)};
  write->request.data = write;
  uv_buf_t buffer = uv_buf_init(write->bytes.get(), static_cast<unsigned>(size));
  const int status =
      uv_write(&write->request, stream, &buffer, 1, [](uv_write_t* request, int error) {
        uv_stream_t* written = request->handle;
        delete static_cast<Write*>(request->data);
        if (error < 0) return end(written);
        if (options.idiom == "try_write" && uv_stream_get_write_queue_size(written) == 0 &&
            !uv_is_closing(reinterpret_cast<uv_handle_t*>(written))) {
          uv_read_start(written, allocate_shared, on_shared_read);  // No-op unless stopped.
        }
      });
  if (status < 0) {
    delete write;
    end(stream);
  }
}

void answer(uv_stream_t* stream, std::string_view bytes) {
  uv_buf_t buffer =
      uv_buf_init(const_cast<char*>(bytes.data()), static_cast<unsigned>(bytes.size()));
  const int sent = uv_try_write(stream, &buffer, 1);
  if (sent == static_cast<int>(bytes.size())) return;
  if (sent < 0 && sent != UV_EAGAIN) return end(stream);
  if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
  auto copy = std::make_unique<char[]>(bytes.size());
  std::memcpy(copy.get(), bytes.data(), bytes.size());
  queue(stream, std::move(copy), bytes.size());
  if (uv_stream_get_write_queue_size(stream) > high_water_bytes) uv_read_stop(stream);
}

void answer_each(uv_stream_t* stream, std::string_view bytes) {
  std::string& partial = connection_of(stream).partial;
  if (!partial.empty()) {
    const std::size_t missing = options.message_bytes - partial.size();
    partial += bytes.substr(0, missing);
    bytes.remove_prefix(std::min(missing, bytes.size()));
    if (partial.size() < options.message_bytes) return;
    answer(stream, partial);
  }
  for (; bytes.size() >= options.message_bytes; bytes.remove_prefix(options.message_bytes)) {
    answer(stream, bytes.substr(0, options.message_bytes));
  }
  partial = bytes;
}

void on_shared_read(uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer) {
  if (count < 0) return end(stream);
  const std::string_view bytes(buffer->base, static_cast<std::size_t>(count));
  options.message_bytes == 0 ? answer(stream, bytes) : answer_each(stream, bytes);
}

void on_own_read(uv_stream_t* stream, ssize_t count, const uv_buf_t* buffer) {
  std::unique_ptr<char[]> bytes(buffer->base);
  if (count < 0) return end(stream);
  if (count > 0) queue(stream, std::move(bytes), static_cast<std::size_t>(count));
}

void on_connection(uv_stream_t* listener, int status) {
  if (status < 0) return;
  auto* connection = new Connection;
  if (listener->type == UV_TCP) {
    uv_tcp_init(listener->loop, &connection->tcp);
  } else {
    uv_pipe_init(listener->loop, &connection->pipe, 0);
  }
  connection->stream.data = connection;
  if (uv_accept(listener, &connection->stream) < 0) return end(&connection->stream);
  if (listener->type == UV_TCP) uv_tcp_nodelay(&connection->tcp, 1);
  if (options.idiom == "write") {
    uv_read_start(&connection->stream, allocate_own, on_own_read);
  } else {
    uv_read_start(&connection->stream, allocate_shared, on_shared_read);
  }
}

void serve() {
  const int fd = listen_and_tell(options);
  shared_buffer.resize(options.buffer_bytes);
  uv_loop_t* loop = uv_default_loop();
  Connection listener;
  if (local_endpoint(fd).is_tcp()) {
    check(uv_tcp_init(loop, &listener.tcp), "uv_tcp_init");
    check(uv_tcp_open(&listener.tcp, fd), "uv_tcp_open");
  } else {
    check(uv_pipe_init(loop, &listener.pipe, 0), "uv_pipe_init");
    check(uv_pipe_open(&listener.pipe, fd), "uv_pipe_open");
  }
  check(uv_listen(&listener.stream, SOMAXCONN, on_connection), "uv_listen");
  uv_run(loop, UV_RUN_DEFAULT);
}

}  // namespace

int main(int argc, char** argv) {
  options = parse_peer_options(argc, argv, "try_write");
  return run_peer(serve);
}
