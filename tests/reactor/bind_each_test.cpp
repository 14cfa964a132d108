#include "reactor/bind_each.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "support/result.hpp"

using reactor::Address;
using reactor::bind_each;
using reactor::Failure;
using reactor::Result;
using reactor::Socket;

namespace {

Result<Socket> open_bound(const Address& address) {
  auto socket = Socket::open(address.family(), reactor::SocketType::datagram);
  if (!socket) return socket;
  if (auto bound = socket->bind(address); !bound) return Failure(bound.error());
  return socket;
}

Failure refused(int number) { return Failure(reactor::system_error(number, "bind", "test")); }

std::vector<std::string> bound_to(const std::vector<Socket>& sockets) {
  std::vector<std::string> hosts;
  for (const Socket& socket : sockets) hosts.push_back(ok(socket.local_address()).host());
  return hosts;
}

using Hosts = std::vector<std::string>;

}  // namespace

TEST_SUITE("bind_each") {
  TEST_CASE("all sockets get the port that the kernel chose for the first") {
    const auto sockets =
        ok(bind_each({address("127.0.0.1:0"), address("127.0.0.2:0"), address("127.0.0.3:0")},
                     [](const Address& address, bool alone) {
                       CHECK_FALSE(alone);
                       return open_bound(address);
                     }));
    CHECK(bound_to(sockets) == Hosts{"127.0.0.1", "127.0.0.2", "127.0.0.3"});
    for (const Socket& socket : sockets) {
      CHECK(ok(socket.local_address()).port() == ok(sockets[0].local_address()).port());
    }
  }

  TEST_CASE("the function that opens a socket is informed whether the name has a single address") {
    bool was_alone = false;
    const auto sockets =
        ok(bind_each({address("127.0.0.1:0")}, [&](const Address& address, bool alone) {
          was_alone = alone;
          return open_bound(address);
        }));
    CHECK(sockets.size() == 1);
    CHECK(was_alone);
  }

  TEST_CASE("a port that the kernel chose is chosen again if it is in use on another address") {
    int in_use = 3;
    const auto sockets = ok(bind_each({address("127.0.0.1:0"), address("127.0.0.2:0")},
                                      [&](const Address& address, bool) -> Result<Socket> {
                                        const bool second = address.host() == "127.0.0.2";
                                        if (second && in_use-- > 0) return refused(EADDRINUSE);
                                        return open_bound(address);
                                      }));
    CHECK(bound_to(sockets) == Hosts{"127.0.0.1", "127.0.0.2"});
  }

  TEST_CASE(
      "a given port is tried once, and a port that the kernel chooses is not tried for ever") {
    for (const char* port : {":9", ":0"}) {
      int calls = 0;
      const auto sockets =
          bind_each({address(std::string("127.0.0.1") + port), address("127.0.0.2:9")},
                    [&](const Address&, bool) -> Result<Socket> {
                      ++calls;
                      return refused(EADDRINUSE);
                    });
      REQUIRE_FALSE(sockets);
      CHECK(sockets.error().code == std::errc::address_in_use);
      CHECK(calls == (port == std::string(":9") ? 1 : 20));
    }
  }

  TEST_CASE("an address that this host does not have is skipped if another one remains") {
    for (const int why : {EADDRNOTAVAIL, EAFNOSUPPORT}) {
      const auto missing_first = [&](const Address& address, bool) -> Result<Socket> {
        if (address.family() == reactor::Family::ipv6) return refused(why);
        return open_bound(address);
      };
      const auto sockets =
          ok(bind_each({address("[::1]:0"), address("127.0.0.1:0")}, missing_first));
      CHECK(bound_to(sockets) == Hosts{"127.0.0.1"});
      const auto none = bind_each({address("[::1]:0"), address("[::2]:0")}, missing_first);
      REQUIRE_FALSE(none);
      CHECK(none.error().code == std::error_code(why, std::generic_category()));
    }
  }

  TEST_CASE("any other error ends the attempt, and leaves no socket open") {
    std::uint16_t port = 0;
    const auto denied = bind_each({address("127.0.0.1:0"), address("127.0.0.2:0")},
                                  [&](const Address& address, bool) -> Result<Socket> {
                                    if (address.port() != 0) {
                                      port = address.port();
                                      return refused(EACCES);
                                    }
                                    return open_bound(address);
                                  });
    REQUIRE_FALSE(denied);
    CHECK(denied.error().code == std::errc::permission_denied);
    Address free = address("127.0.0.1:0");
    free.set_port(port);
    CHECK(open_bound(free));
  }
}
