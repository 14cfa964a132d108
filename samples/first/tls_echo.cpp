// An echo server with TLS: `openssl s_client -connect localhost:9443 -CAfile chain.pem`.
#include <reactor/server.hpp>

#include <cstdio>

struct Echo {
  reactor::Stream& stream;
  void on_data(std::span<const std::byte> bytes) { stream.write(bytes); }
};

int main() {
  const auto tls = reactor::TlsContext::server({.certificates = {{"chain.pem", "key.pem"}}});
  if (!tls) return std::fprintf(stderr, "error: %s\n", tls.error().message().c_str()), 1;
  reactor::Loop loop;
  auto server = reactor::Server<Echo>::listen(loop, "127.0.0.1:9443", {.tls = *tls});
  if (!server) return std::fprintf(stderr, "error: %s\n", server.error().message().c_str()), 1;
  loop.run();
}
