#include <doctest/doctest.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <vector>

#include "reactor/socket.hpp"
#include "samples/readiness_echo_server/client.hpp"

using reactor::Interest;
using samples::Client;
using samples::Echoed;

namespace {

std::string receive(int fd) {
  std::vector<char> buffer(1 << 20);
  const ssize_t size = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
  return {buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

// Sends until the kernel has no room; returns the number of bytes.
std::size_t fill(int fd) {
  const std::string piece(65536, 'x');
  std::size_t sent = 0;
  for (;;) {
    const ssize_t size = send(fd, piece.data(), piece.size(), MSG_DONTWAIT);
    if (size <= 0) return sent;
    sent += static_cast<std::size_t>(size);
  }
}

struct Pair {
  std::array<reactor::Socket, 2> sockets =
      reactor::socket_pair(reactor::SocketType::stream).value();
  int peer = sockets[0].fd();
  Client client{std::move(sockets[1])};
};

}  // namespace

TEST_SUITE("readiness_client") {
  TEST_CASE("received bytes are echoed, and then the client waits for more") {
    Pair pair;
    CHECK(pair.client.echo() == Echoed::all);
    REQUIRE(send(pair.peer, "hello", 5, 0) == 5);
    CHECK(pair.client.echo() == Echoed::all);
    CHECK(pair.client.interest() == Interest::readable);
    CHECK(receive(pair.peer) == "hello");
  }

  TEST_CASE("a client that sends as fast as it is served lets the others be served") {
    std::array<reactor::Socket, 2> sockets = reactor::socket_pair().value();
    REQUIRE(sockets[0].set(reactor::option::send_buffer, 1 << 22));
    REQUIRE(sockets[1].set(reactor::option::send_buffer, 1 << 22));
    Client client(std::move(sockets[1]));
    const std::size_t sent = fill(sockets[0].fd());
    REQUIRE(sent > 16 * 65536);
    std::size_t calls = 0;
    std::size_t back = 0;
    while (client.echo() == Echoed::some) {
      const std::size_t size = receive(sockets[0].fd()).size();
      CHECK(size > 0);
      CHECK(size <= 16 * 65536);
      back += size;
      ++calls;
    }
    CHECK(calls >= 2);
    CHECK(back + receive(sockets[0].fd()).size() == sent);
  }

  TEST_CASE("nothing is received from a client that does not read") {
    Pair pair;
    while (pair.client.echo() != Echoed::all || pair.client.interest() == Interest::readable) {
      REQUIRE(fill(pair.peer) > 0);
    }
    CHECK(pair.client.interest() == Interest::writable);
    (void)fill(pair.peer);
    CHECK(pair.client.echo() == Echoed::all);
    CHECK(fill(pair.peer) == 0);
  }

  TEST_CASE("the client's end is reported after everything was echoed") {
    Pair pair;
    REQUIRE(send(pair.peer, "hello", 5, 0) == 5);
    REQUIRE(shutdown(pair.peer, SHUT_WR) == 0);
    CHECK(pair.client.echo() == Echoed::over);
    CHECK(receive(pair.peer) == "hello");
  }

  TEST_CASE("a client is quiet if no bytes have moved between two calls") {
    Pair pair;
    CHECK_FALSE(pair.client.was_quiet());
    CHECK(pair.client.was_quiet());
    REQUIRE(send(pair.peer, "hello", 5, 0) == 5);
    CHECK(pair.client.echo() == Echoed::all);
    CHECK_FALSE(pair.client.was_quiet());
    CHECK(pair.client.was_quiet());
  }

  TEST_CASE("after the server's end arriving bytes are discarded, until the client's end") {
    Pair pair;
    pair.client.end();
    REQUIRE(send(pair.peer, "late", 4, 0) == 4);
    CHECK(pair.client.echo() == Echoed::all);
    CHECK(receive(pair.peer).empty());
    CHECK(pair.client.interest() == Interest::readable);
    REQUIRE(shutdown(pair.peer, SHUT_WR) == 0);
    CHECK(pair.client.echo() == Echoed::over);
  }
}
