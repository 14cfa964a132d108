// The library's echo server for the benchmarks. It uses only the public API. With `--message N` it
// answers each message of N bytes by its own write. With `--framing lines` or `length-prefixed` a
// session receives whole messages.
#include <csignal>
#include <span>
#include <string>
#include <string_view>

#include "bench/peers/peer.hpp"
#include "protocols/length_prefixed.hpp"
#include "protocols/lines.hpp"
#include "reactor/server.hpp"
#include "reactor/signal.hpp"

namespace {

using Bytes = std::span<const std::byte>;

// Echoes the bytes of one read by one write.
struct Echo {
  reactor::Stream& stream;
  void on_data(Bytes bytes) { stream.write(bytes); }
};

// Echoes each message by its own write.
struct MessageEcho {
  reactor::Stream& stream;
  const std::size_t message_bytes;
  std::string partial = {};  // The beginning of a message.

  void on_data(Bytes bytes) {
    if (!partial.empty()) {
      const Bytes rest = bytes.first(std::min(bytes.size(), message_bytes - partial.size()));
      partial.append(reinterpret_cast<const char*>(rest.data()), rest.size());
      bytes = bytes.subspan(rest.size());
      if (partial.size() < message_bytes) return;
      stream.write(partial);
    }
    for (; bytes.size() >= message_bytes; bytes = bytes.subspan(message_bytes)) {
      stream.write(bytes.first(message_bytes));
    }
    partial.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
};

struct LineEcho {
  reactor::Stream& stream;
  void on_frame(std::string_view line) { (void)protocols::append_line(stream, line); }
};

struct LengthPrefixedEcho {
  reactor::Stream& stream;
  void on_frame(Bytes payload) { (void)protocols::append_length_prefixed(stream, payload); }
};

void check(const auto& result) {
  if (!result) throw std::runtime_error(result.error().message());
}

void run(reactor::Loop& loop, const auto& server) {
  check(server);
  std::printf("listening on %s\n", server->address().to_string().c_str());
  std::fflush(stdout);
  const auto end = reactor::Signal::create(loop, SIGTERM, [&loop] { loop.stop(); });
  check(end);
  loop.run();
}

template <class... Session>
void serve_each(const std::string& listen) {
  reactor::Loop loop;
  run(loop, reactor::Server<Session...>::listen(loop, listen));
}

void serve_messages(const std::string& listen, std::size_t bytes) {
  reactor::Loop loop;
  run(loop,
      reactor::Server<MessageEcho>::listen(loop, listen, {}, [bytes](reactor::Stream& stream) {
        return MessageEcho{stream, bytes};
      }));
}

void serve(const bench::PeerOptions& options) {
  if (options.framing == "lines") {
    serve_each<LineEcho, protocols::LineDecoder>(options.listen);
  } else if (options.framing == "length-prefixed") {
    serve_each<LengthPrefixedEcho, protocols::LengthPrefixedDecoder>(options.listen);
  } else if (options.message_bytes > 0) {
    serve_messages(options.listen, options.message_bytes);
  } else {
    serve_each<Echo>(options.listen);
  }
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_peer([&] { serve(bench::parse_peer_options(argc, argv)); });
}
