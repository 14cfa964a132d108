// Two ends of a TLS connection that trust the same authority.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "reactor/stream.hpp"
#include "reactor/tls_context.hpp"
#include "support/certificates.hpp"
#include "support/peer.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"

/// An authority, and a server for a.example that it trusts.
struct TlsSite {
  explicit TlsSite(const CertificateTraits& traits = {}) : issued(authority.issue(traits)) {}

  [[nodiscard]] reactor::TlsContext server(reactor::TlsServerOptions options = {}) const {
    if (options.certificates.empty()) options.certificates = {issued.pair()};
    return ok(reactor::TlsContext::server(std::move(options)));
  }
  [[nodiscard]] reactor::TlsContext client(reactor::TlsClientOptions options = {}) const {
    if (options.ca_file.empty()) options.ca_file = authority.file();
    return ok(reactor::TlsContext::client(std::move(options)));
  }

  Authority authority{"test authority"};
  Authority::Issued issued;
};

/// The one that most tests use.
inline const TlsSite& tls_site() {
  static const TlsSite site;
  return site;
}

/// One end, and its events so far.
struct TlsEnd {
  TlsEnd(reactor::Loop& loop, reactor::Socket socket)
      : stream(std::in_place, loop, std::move(socket)) {
    stream->on_data([this](reactor::Stream::Bytes bytes) {
      received.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    });
    stream->on_secured([this](const reactor::TlsInfo& with) { info = with; });
    stream->on_end([this] { ended = true; });
    stream->on_close([this](const reactor::Error& error) { closed = error; });
  }

  std::optional<reactor::Stream> stream;
  std::string received;
  std::optional<reactor::TlsInfo> info;
  bool ended = false;
  std::optional<reactor::Error> closed;
};

/// A client and a server, connected to each other. The handshake begins when the loop runs.
struct TlsPair {
  TlsPair(reactor::Loop& on, const reactor::TlsContext& client_context,
          const reactor::TlsContext& server_context, const std::string& name = "a.example",
          Buffers buffers = {})
      : TlsPair(on, connected_sockets(Transport::tcp4, buffers)) {
    client.stream->secure(client_context, name);
    server.stream->secure(server_context);
  }
  explicit TlsPair(reactor::Loop& on, Buffers buffers = {})
      : TlsPair(on, tls_site().client(), tls_site().server(), "a.example", buffers) {}

  TlsPair(reactor::Loop& on, std::array<reactor::Socket, 2> sockets)
      : loop(on), client(loop, std::move(sockets[0])), server(loop, std::move(sockets[1])) {}

  void until_secured() {
    run_until(loop, [this] { return client.info && server.info; });
  }
  void until_closed() {
    run_until(loop, [this] { return client.closed && server.closed; });
  }

  reactor::Loop& loop;
  TlsEnd client;
  TlsEnd server;
};
