#include "reactor/address.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <net/if.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <string>
#include <unordered_set>

#include "support/result.hpp"

using reactor::Address;
using reactor::Family;
using namespace std::string_literals;

namespace {

/// The error of parse() for `text`: "reason: hint".
std::string complaint(std::string_view text) {
  auto parsed = Address::parse(text);
  if (parsed) return "read as " + parsed->to_string();
  CHECK(parsed.error().operation == "parse address");
  return parsed.error().code.message() + ": " + parsed.error().hint;
}

Address from_kernel(const sockaddr_un& path, std::size_t path_bytes) {
  return Address::from(reinterpret_cast<const sockaddr*>(&path),
                       static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path_bytes));
}

}  // namespace

TEST_SUITE("address") {
  TEST_CASE("an address prints as it was written") {
    for (const char* text : {
             "127.0.0.1:9000",
             "0.0.0.0:0",
             "255.255.255.255:65535",  // IPv4
             "[::]:0",
             "[::1]:9000",
             "[2001:db8::ff]:80",
             "[ff02::1%lo]:80",  // IPv6
             "[fe80::1%lo]:9000",
             "[::ffff:1.2.3.4]:80",  //
             "unix:/run/echo.sock",
             "unix:relative",
             "unix:with space:80",
             "unix:@echo",
         }) {
      CAPTURE(text);
      CHECK(address(text).to_string() == text);
      CHECK(address(text) == address(address(text).to_string()));
    }
  }

  TEST_CASE("other notations of an address are accepted, and printed in the shortest form") {
    CHECK(address("[0:0:0:0:0:0:0:1]:80").to_string() == "[::1]:80");
    CHECK(address("[FE80::A%lo]:80").to_string() == "[fe80::a%lo]:80");
    CHECK(address("[::ffff:102:304]:80").to_string() == "[::ffff:1.2.3.4]:80");
    CHECK(address("127.0.0.1:00080").to_string() == "127.0.0.1:80");
    const unsigned loopback_index = if_nametoindex("lo");
    CHECK(address("[fe80::1%" + std::to_string(loopback_index) + "]:80") ==
          address("[fe80::1%lo]:80"));
  }

  TEST_CASE("the parts of an address can be queried") {
    CHECK(address("10.0.0.1:80").family() == Family::ipv4);
    CHECK(address("10.0.0.1:80").host() == "10.0.0.1");
    CHECK(address("10.0.0.1:80").port() == 80);
    CHECK(address("[::1]:80").family() == Family::ipv6);
    CHECK(address("[::1]:80").host() == "::1");
    CHECK(address("[fe80::1%lo]:80").host() == "fe80::1%lo");
    CHECK(address("[fe80::1%lo]:80").scope() == if_nametoindex("lo"));
    CHECK(address("unix:/a").family() == Family::unix_socket);
    CHECK(address("unix:/a").host() == "/a");
    CHECK(address("unix:/a").port() == 0);
    CHECK(address("unix:@a").host() == "@a");
  }

  TEST_CASE("text that is no address is refused with the reason") {
    const struct {
      const char* text;
      const char* expected;
    } cases[] = {
        {"", "Invalid argument: a port is missing: HOST:PORT"},
        {"127.0.0.1", "Invalid argument: a port is missing: HOST:PORT"},
        {"localhost", "Invalid argument: a port is missing: HOST:PORT"},
        {"[::1]", "Invalid argument: a port is missing: HOST:PORT"},
        {"127.0.0.1:", "Invalid argument: a port is a number from 0 to 65535"},
        {"127.0.0.1:65536", "Invalid argument: a port is a number from 0 to 65535"},
        {"127.0.0.1:-1", "Invalid argument: a port is a number from 0 to 65535"},
        {"127.0.0.1:+80", "Invalid argument: a port is a number from 0 to 65535"},
        {"127.0.0.1:http", "Invalid argument: a port is a number from 0 to 65535"},
        {"127.0.0.1: 80", "Invalid argument: a port is a number from 0 to 65535"},
        {"127.0.0.1:80 ", "Invalid argument: a port is a number from 0 to 65535"},
        {"127.0.0.1:0x50", "Invalid argument: a port is a number from 0 to 65535"},
        {":80", "Invalid argument: not an IPv4 address"},
        {"1.2.3.4.5:80", "Invalid argument: not an IPv4 address"},
        {"1.2.3:80", "Invalid argument: not an IPv4 address"},
        {"1.2.3.256:80", "Invalid argument: not an IPv4 address"},
        {"010.0.0.1:80", "Invalid argument: not an IPv4 address"},
        {"0x7f000001:80", "Invalid argument: not an IPv4 address"},
        {"2130706433:80", "Invalid argument: not an IPv4 address"},
        {"localhost:80", "Invalid argument: not an IPv4 address"},
        {" 127.0.0.1:80", "Invalid argument: not an IPv4 address"},
        {"::1:80", "Invalid argument: an IPv6 address stands in brackets: [::1]:80"},
        {"127.0.0.1:80:90", "Invalid argument: an IPv6 address stands in brackets: [::1]:80"},
        {"[::1:80", "Invalid argument: a closing bracket is missing"},
        {"[::1]80", "Invalid argument: a colon and a port follow the bracket"},
        {"[::1] :80", "Invalid argument: a colon and a port follow the bracket"},
        {"[]:80", "Invalid argument: not an IPv6 address"},
        {"[127.0.0.1]:80", "Invalid argument: not an IPv6 address"},
        {"[::1::2]:80", "Invalid argument: not an IPv6 address"},
        {"[12345::]:80", "Invalid argument: not an IPv6 address"},
        {"[[::1]]:80", "Invalid argument: a colon and a port follow the bracket"},
        {"[fe80::1%nosuch0]:80", "No such device: no interface is called \"nosuch0\""},
        {"[fe80::1%]:80", "No such device: no interface is called \"\""},
        {"[fe80::1%0]:80", "No such device: no interface is called \"0\""},
        {"[::1%lo]:80", "Invalid argument: only a link-local address takes %INTERFACE"},
        {"unix:", "Invalid argument: a path follows unix:"},
        {"unix:@", "Invalid argument: a path follows unix:"},
    };
    for (const auto& wrong : cases) {
      CAPTURE(wrong.text);
      CHECK(complaint(wrong.text) == wrong.expected);
    }
  }

  TEST_CASE("a NUL byte is refused anywhere, and is not repeated in the error") {
    for (const std::string& text :
         {"127.0.0.1\0:80"s, "127.0.0.1:80\0"s, "[::1\0]:80"s, "unix:/a\0b"s, "unix:@a\0b"s}) {
      CHECK(complaint(text) == "Invalid argument: an address holds no NUL byte");
      CHECK(Address::parse(text).error().message().find('\0') == std::string::npos);
    }
  }

  TEST_CASE("a unix path has at most 107 bytes, and so has an abstract name") {
    const std::string longest(107, 'p');
    CHECK(address("unix:" + longest).host() == longest);
    CHECK(complaint("unix:" + longest + "p") ==
          "File name too long: a unix path has at most 107 bytes");
    CHECK(address("unix:@" + longest.substr(1)).host() == "@" + longest.substr(1));
    CHECK(complaint("unix:@" + longest) == "File name too long: a unix path has at most 107 bytes");
  }

  TEST_CASE("a path and an abstract name with the same letters are two addresses") {
    CHECK(address("unix:@a") != address("unix:a"));
    CHECK(address("unix:@a") != address("unix:@ab"));
    CHECK(address("unix:a") != address("unix:ab"));
  }

  TEST_CASE("IP addresses differ by host, port, scope or family") {
    CHECK(address("127.0.0.1:80") != address("127.0.0.1:81"));
    CHECK(address("127.0.0.1:80") != address("127.0.0.2:80"));
    CHECK(address("[::1]:80") != address("[::1]:81"));
    CHECK(address("[fe80::1]:80") != address("[fe80::1%lo]:80"));
    CHECK(address("[::ffff:1.2.3.4]:80") != address("1.2.3.4:80"));
    CHECK(address("[::ffff:1.2.3.4]:80").unmapped() == address("1.2.3.4:80"));
    CHECK(address("[::1]:80").unmapped() == address("[::1]:80"));
  }

  TEST_CASE("loopback, multicast and unspecified addresses are recognised") {
    for (const char* text : {"127.0.0.1:1", "127.255.0.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1",
                             "unix:/a", "unix:@a"}) {
      CAPTURE(text);
      CHECK(address(text).is_loopback());
      CHECK_FALSE(address(text).is_multicast());
      CHECK_FALSE(address(text).is_unspecified());
    }
    for (const char* text : {"224.0.0.1:1", "239.255.255.255:1", "[ff02::1%lo]:1"}) {
      CAPTURE(text);
      CHECK(address(text).is_multicast());
      CHECK_FALSE(address(text).is_loopback());
    }
    CHECK(address("0.0.0.0:5").is_unspecified());
    CHECK(address("[::]:5").is_unspecified());
    for (const char* text : {"128.0.0.1:1", "223.255.255.255:1", "240.0.0.1:1", "[fe80::1%lo]:1"}) {
      CAPTURE(text);
      CHECK_FALSE(address(text).is_loopback());
      CHECK_FALSE(address(text).is_multicast());
    }
  }

  TEST_CASE("the default is any IPv4 interface and any port, and the port can be set") {
    Address any;
    CHECK(any.to_string() == "0.0.0.0:0");
    any.set_port(80);
    CHECK(any == address("0.0.0.0:80"));
    Address path = address("unix:/a");
    path.set_port(80);
    CHECK(path == address("unix:/a"));
  }

  TEST_CASE("an address from the kernel is read according to its size") {
    sockaddr_un path{};
    path.sun_family = AF_UNIX;
    std::memcpy(path.sun_path, "/a\0junk", 7);
    CHECK(from_kernel(path, 3) == address("unix:/a"));
    CHECK(from_kernel(path, 2) == address("unix:/a"));
    CHECK(from_kernel(path, 7) == address("unix:/a"));

    std::memset(path.sun_path, 'p', sizeof path.sun_path);  // The kernel allows 108 without a NUL.
    CHECK(from_kernel(path, 108).host() == std::string(108, 'p'));
    CHECK(from_kernel(path, 200).host() == std::string(108, 'p'));

    std::memcpy(path.sun_path, "\0a\0b", 4);
    CHECK(from_kernel(path, 2) == address("unix:@a"));
    CHECK(from_kernel(path, 4) != address("unix:@a"));
  }

  TEST_CASE("a missing, truncated or foreign address is an unnamed one") {
    sockaddr_in6 whole{};
    whole.sin6_family = AF_INET6;
    const auto* bytes = reinterpret_cast<const sockaddr*>(&whole);
    for (socklen_t size : {0u, 1u, 2u, 8u, 27u}) {
      CAPTURE(size);
      CHECK(Address::from(bytes, size).to_string() == "unix:");
      CHECK(Address::from(bytes, size).is_unspecified());
    }
    CHECK(Address::from(bytes, sizeof whole).to_string() == "[::]:0");
    CHECK(Address::from(nullptr, 0).to_string() == "unix:");
    whole.sin6_family = AF_PACKET;
    CHECK(Address::from(bytes, sizeof whole).to_string() == "unix:");
  }

  TEST_CASE("a system call can write an address in place") {
    sockaddr_in written{};
    written.sin_family = AF_INET;
    written.sin_port = htons(80);
    Address target = address("unix:/a");
    REQUIRE(Address::capacity() >= sizeof written);
    std::memcpy(target.data(), &written, sizeof written);
    target.resize(sizeof written);
    CHECK(target == address("0.0.0.0:80"));
  }

  TEST_CASE("equal addresses have equal hashes, and other addresses have other hashes") {
    CHECK(std::hash<Address>{}(address("[::1]:80")) ==
          std::hash<Address>{}(address("[0:0::1]:80")));
    CHECK(std::hash<Address>{}(address("unix:/a")) == std::hash<Address>{}(address("unix:/a")));

    std::set<std::size_t> hashes;
    std::unordered_set<Address> addresses;
    for (int i = 0; i < 4096; ++i) {
      const std::string number = std::to_string(i);
      for (const std::string& text :
           {"127.0.0.1:" + number, "[::1]:" + number,
            "10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ":1",
            "[::" + number + "]:1", "unix:" + number}) {
        addresses.insert(address(text));
        hashes.insert(std::hash<Address>{}(address(text)));
      }
    }
    CHECK(hashes.size() == addresses.size());
  }
}
