// Shared code of all compared echo servers: their command line, and the line that they print when
// they listen. Each server shows only the best idiom of its library.
#pragma once

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "bench/support/endpoint.hpp"

namespace bench {

struct PeerOptions {
  std::string listen = "127.0.0.1:0";
  std::size_t message_bytes = 0;  ///< Answers each message of this size by its own send; 0
  ///< answers the bytes of one read by one send.
  std::size_t buffer_bytes = 64 << 10;  ///< The size of the read buffer that all connections share.
  std::string idiom;                    ///< Which idiom of a library with more than one.
  std::string framing;                  ///< "lines" or "length-prefixed", if supported.
};

/// Reads `--listen`, `--message`, `--buffer`, `--idiom` and `--framing`. Makes SIGTERM end the
/// process, and ignores SIGPIPE from a client that has left.
inline PeerOptions parse_peer_options(int argc, char** argv, const char* default_idiom = "") {
  PeerOptions options;
  options.idiom = default_idiom;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : "";
    if (name == "--listen") {
      options.listen = value;
    } else if (name == "--message") {
      options.message_bytes = std::strtoul(value, nullptr, 10);
    } else if (name == "--buffer") {
      options.buffer_bytes = std::strtoul(value, nullptr, 10);
    } else if (name == "--idiom") {
      options.idiom = value;
    } else if (name == "--framing") {
      options.framing = value;
    } else {
      std::fprintf(stderr,
                   "usage: %s [--listen HOST:PORT] [--message BYTES] [--buffer BYTES] "
                   "[--framing lines|length-prefixed]%s%s\n",
                   argv[0], *default_idiom ? " [--idiom NAME], default " : "", default_idiom);
      std::exit(2);
    }
  }
  signal(SIGTERM, [](int) { _exit(0); });
  signal(SIGPIPE, SIG_IGN);  // Not every library sends with MSG_NOSIGNAL.
  return options;
}

/// A listening socket; prints the address that clients connect to.
inline int listen_and_tell(const PeerOptions& options) {
  const int fd = listen_on(parse_endpoint(options.listen));
  std::printf("listening on %s\n", to_text(local_endpoint(fd)).c_str());
  std::fflush(stdout);
  return fd;
}

/// The same for a datagram socket.
inline int bind_datagrams_and_tell(const PeerOptions& options) {
  const Endpoint local = parse_endpoint(options.listen);
  const int fd = socket(local.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, local.address(), local.size) < 0) fail("bind");
  std::printf("listening on %s\n", to_text(local_endpoint(fd)).c_str());
  std::fflush(stdout);
  return fd;
}

/// The next connection, non-blocking and without Nagle's delay, or -1.
inline int accept_connection(int listener) {
  const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) set_no_delay(fd);
  return fd;
}

/// Calls `main` and turns an exception into a message and exit code 1.
template <class Main>
int run_peer(Main&& main) {
  try {
    main();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}

}  // namespace bench
