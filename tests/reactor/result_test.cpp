#include "reactor/result.hpp"

#include <doctest/doctest.h>

#include <cerrno>

using reactor::Error;
using reactor::system_error;

TEST_SUITE("result") {
  TEST_CASE("the message of an error has operation, address, reason and hint") {
    CHECK(system_error(EACCES, "bind", "127.0.0.1:80").message() ==
          "bind 127.0.0.1:80: permission denied (ports below 1024 need CAP_NET_BIND_SERVICE)");
    CHECK(system_error(ECONNREFUSED, "connect", "127.0.0.1:9").message() ==
          "connect 127.0.0.1:9: connection refused");
  }

  TEST_CASE("a reason that begins with an abbreviation keeps it") {
    CHECK(system_error(EDOTDOT, "read", "/file").message() == "read /file: RFS specific error");
  }

  TEST_CASE("the hint depends on the operation and on the kind of address") {
    const struct {
      int number;
      const char* operation;
      const char* subject;
      const char* hint;
    } cases[] = {
        {EACCES, "bind", "[::1]:1023", "ports below 1024 need CAP_NET_BIND_SERVICE"},
        {EACCES, "bind", "127.0.0.1:1024", ""},
        {EACCES, "bind", "127.0.0.1:0", ""},
        {EACCES, "bind", "unix:/run/x:80", "this user may not create files in its directory"},
        {EACCES, "bind", "unix:/run/x", "this user may not create files in its directory"},
        {ENOENT, "bind", "unix:/none/x", "its directory does not exist"},
        {EADDRNOTAVAIL, "bind", "10.1.2.3:80", "no interface has this address"},
        {EACCES, "connect", "unix:x",
         "this user may not write to the socket, or not enter its directory"},
        {EACCES, "connect", "255.255.255.255:9", "a broadcast address needs the broadcast option"},
        {EACCES, "connect", "127.255.255.255:9", "a broadcast address needs the broadcast option"},
        {EACCES, "connect", "198.51.100.1:80", "a route of this host prohibits it"},
        {EACCES, "connect", "[2001:db8::1]:80", "a route of this host prohibits it"},
        {ENETUNREACH, "connect", "255.255.255.255:80",
         "only datagrams are sent to a broadcast address"},
        {ENETUNREACH, "connect", "198.51.100.1:80", "this host has no route there"},
        {EPERM, "connect", "198.51.100.1:80", "a firewall of this host forbids it"},
        {EPERM, "connect", "unix:@x", "the receiver is connected to another socket"},
        {EACCES, "send", "unix:x",
         "this user may not write to the socket, or not enter its directory"},
        {EACCES, "send", "[::ffff:127.255.255.255]:9",
         "a broadcast address needs the broadcast option"},
        {EACCES, "send", "198.51.100.1:9", "a route of this host prohibits it"},
        {EPERM, "send", "198.51.100.1:9", "a firewall of this host forbids it"},
        {EPERM, "send", "unix:@x", "the receiver is connected to another socket"},
        {EMSGSIZE, "send", "unix:@x", "longer than the send_buffer option allows"},
        {EMSGSIZE, "send", "127.0.0.1:9", "longer than any datagram, or than the link takes whole"},
        {EACCES, "open", "127.0.0.1:80", ""},
    };
    for (const auto& expected : cases) {
      CAPTURE(expected.operation);
      CAPTURE(expected.subject);
      CHECK(system_error(expected.number, expected.operation, expected.subject).hint ==
            expected.hint);
    }
  }

  TEST_CASE("the message omits missing parts") {
    CHECK(system_error(EBADF, "watch").message() == "watch: bad file descriptor");
    CHECK(Error{std::make_error_code(std::errc::timed_out), {}, {}, {}}.message() ==
          "connection timed out");
  }

  TEST_CASE("an error without a code means success") {
    CHECK_FALSE(Error{});
    CHECK(system_error(EPIPE, "send"));
  }
}
