// A file server was killed by SIGPIPE. The peer had closed during a call of sendfile, which then
// returns the number of bytes sent before, and raises the signal nevertheless.
#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

#include "reactor/platform/sys.hpp"
#include "support/platform.hpp"
#include "support/temporary_file.hpp"

TEST_SUITE("regressions") {
  TEST_CASE("a peer that closes while a file is sent raises no signal, even if a part was sent") {
    if (on_portable_platform()) {
      MESSAGE("skipped: the portable platform has no sendfile");
      return;
    }
    const TemporaryFile content(std::string(16 << 20, 'x'));
    const reactor::File file = content.open();
    std::array<int, 2> pair{};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) == 0);

    ssize_t sent = 0;
    std::thread sender([&] {  // A blocking socket: it sends until the peer has closed.
      off_t offset = 0;
      sent = reactor::sys::sendfile(pair[0], file.fd(), &offset, 16 << 20);
    });
    char byte = 0;
    CHECK(read(pair[1], &byte, 1) == 1);
    close(pair[1]);
    sender.join();
    close(pair[0]);
    CHECK(sent > 0);
    CHECK(sent < 16 << 20);
  }
}
