// The library's server of TLS for the benchmarks. It echoes, or with `--idiom http` responds to each
// request with a body of `--message` bytes.
#include <cstdio>
#include <string>

#include "bench/peers/peer.hpp"
#include "bench/support/tls_identity.hpp"
#include "protocols/http/server_connection.hpp"
#include "reactor/server.hpp"

namespace {

struct Echo {
  reactor::Stream& stream;
  void on_data(std::span<const std::byte> bytes) { stream.write(bytes); }
};

struct Http {
  reactor::Stream& stream;
  const std::string& body;
  std::vector<std::byte>& out;
  protocols::http::ServerConnection http;

  void on_data(std::span<const std::byte> bytes) {
    http.feed(bytes);
    while (const auto event = http.next(out)) {
      if (event->kind != protocols::http::RequestEvent::Kind::end) continue;
      http.respond(out, 200, {}, protocols::as_bytes(body));
    }
    stream.write(out);
    out.clear();
    if (http.should_close()) stream.close();
  }
};

void run(reactor::Loop& loop, const auto& server) {
  if (!server) throw std::runtime_error(server.error().message());
  std::printf("listening on %s\n", server->address().to_string().c_str());
  std::fflush(stdout);
  loop.run();
}

void serve(const bench::PeerOptions& peer) {
  const bench::TlsIdentity identity = bench::make_tls_identity();
  auto tls = reactor::TlsContext::server(
      {.certificates = {{identity.certificate_file, identity.key_file}}});
  if (!tls) throw std::runtime_error(tls.error().message());
  const reactor::ServerOptions options{.tls = *tls};
  reactor::Loop loop;
  if (peer.idiom == "http") {
    const std::string body(peer.message_bytes, 'x');
    std::vector<std::byte> out;
    run(loop,
        reactor::Server<Http>::listen(loop, peer.listen, options, [&](reactor::Stream& stream) {
          return Http{stream, body, out};
        }));
  } else {
    run(loop, reactor::Server<Echo>::listen(loop, peer.listen, options));
  }
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_peer([&] { serve(bench::parse_peer_options(argc, argv, "echo")); });
}
