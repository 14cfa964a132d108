#include "reactor/socket_option.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <chrono>

#include "reactor/socket.hpp"
#include "support/peer.hpp"
#include "support/result.hpp"

using namespace reactor;
using namespace std::chrono_literals;

TEST_SUITE("socket_option") {
  TEST_CASE("get() returns what was set") {
    const auto check = [](Socket& socket, const auto& option, auto value) {
      CAPTURE(option.name);
      ok(socket.set(option, value));
      CHECK(ok(socket.get(option)) == value);
    };
    for (Family family : {Family::ipv4, Family::ipv6}) {
      CAPTURE(static_cast<int>(family));
      Socket stream = open_socket(family);
      Socket datagram = open_socket(family, SocketType::datagram);
      for (bool value : {true, false}) {
        for (const auto& option :
             {option::reuse_address, option::reuse_port, option::keep_alive, option::no_delay}) {
          check(stream, option, value);
        }
        for (const auto& option : {option::broadcast, option::multicast_loopback,
                                   option::packet_info, option::receive_timestamps}) {
          check(datagram, option, value);
        }
      }
      check(stream, option::keep_alive_idle, 30s);
      check(stream, option::keep_alive_interval, 5s);
      check(stream, option::keep_alive_count, 3);
      check(stream, option::unsent_low_water, 65536);
      check(stream, option::linger, Linger(7s));
      check(stream, option::linger, Linger(0s));
      check(stream, option::linger, Linger());
      check(stream, option::ttl, 3);
      check(datagram, option::multicast_ttl, 4);
      if (family == Family::ipv6) check(stream, option::ipv6_only, true);
    }
  }

  TEST_CASE("get() returns what was set, for the options that only Linux has") {
    if (option::user_timeout.number < 0) {
      MESSAGE("skipped: the portable platform has no such options");
      return;
    }
    Socket stream = open_socket(Family::ipv4);
    ok(stream.set(option::user_timeout, 1500ms));
    CHECK(ok(stream.get(option::user_timeout)) == 1500ms);
    Socket datagram = open_socket(Family::ipv4, SocketType::datagram);
    ok(datagram.set(option::udp_gro, true));
    CHECK(ok(datagram.get(option::udp_gro)));
  }

  TEST_CASE("an option that the system does not have is refused") {
    constexpr SocketOption<bool> unknown{"unknown", SOL_SOCKET, -1};
    Socket socket = open_socket(Family::ipv4);
    CHECK(failure(socket.set(unknown, true)) == "set option unknown: protocol not available");
  }

  TEST_CASE("the kernel gives at least the requested buffers") {
    Socket socket = open_socket();
    ok(socket.set(option::send_buffer, 32 * 1024));
    CHECK(ok(socket.get(option::send_buffer)) >= 32 * 1024);
    ok(socket.set(option::receive_buffer, 48 * 1024));
    CHECK(ok(socket.get(option::receive_buffer)) >= 48 * 1024);
  }

  TEST_CASE("an option of another kind of socket is refused, and the error names it") {
    Socket ipv4 = open_socket();
    CHECK(failure(ipv4.set(option::ipv6_only, true)) ==
          "set option ipv6_only: protocol not available");
    Socket datagram = open_socket(Family::ipv4, SocketType::datagram);
    CHECK_FALSE(datagram.set(option::no_delay, true));
    CHECK_FALSE(ipv4.set(option::ttl, 256));
    CHECK(failure(Socket().set(option::ttl, 1)) == "set option ttl: bad file descriptor");
    CHECK(failure(Socket().get(option::ttl)) == "get option ttl: bad file descriptor");
  }
}
