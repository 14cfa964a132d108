#include "reactor/socket.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "support/peer.hpp"
#include "support/result.hpp"

using namespace reactor;

namespace {

bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

/// A directory of its own for the unix sockets of one test.
struct TemporaryDirectory {
  TemporaryDirectory() {
    std::string name = "/tmp/uvreactor-socket-XXXXXX";
    path = mkdtemp(name.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }

  [[nodiscard]] Address at(const std::string& name) const {
    return address("unix:" + (path / name).string());
  }

  std::filesystem::path path;
};

}  // namespace

TEST_SUITE("socket") {
  TEST_CASE("a socket is non-blocking, not inherited, and closed with its owner") {
    int fd = -1;
    {
      Socket socket = open_socket();
      fd = socket.fd();
      CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
      CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    }
    CHECK_FALSE(is_open(fd));
  }

  TEST_CASE("a socket can be moved, and the one it replaces is closed") {
    Socket first = open_socket();
    Socket second = open_socket();
    const int kept = first.fd();
    const int replaced = second.fd();
    second = std::move(first);
    CHECK(second.fd() == kept);
    CHECK_FALSE(is_open(replaced));
    CHECK_FALSE(first);
    CHECK(first.fd() == -1);

    const int released = second.release();
    CHECK_FALSE(second);
    CHECK(is_open(released));
    ::close(released);
  }

  TEST_CASE(
      "a socket that other code has made is adopted, and becomes non-blocking and not inherited") {
    const int fd = ::socket(AF_INET6, SOCK_STREAM, 0);
    const Socket socket = ok(Socket::adopt(fd));
    CHECK(socket.fd() == fd);
    CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  }

  TEST_CASE("a descriptor that is no socket is not adopted and still belongs to the caller") {
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    const Result<Socket> refused = Socket::adopt(pipe[0]);
    CHECK(failure(refused) == "adopt socket descriptor " + std::to_string(pipe[0]) +
                                  ": socket operation on non-socket");
    CHECK(is_open(pipe[0]));
    ::close(pipe[0]);
    ::close(pipe[1]);
    CHECK(failure(Socket::adopt(-1)) == "adopt socket descriptor -1: bad file descriptor");
  }

  TEST_CASE("the kernel chooses a port and local_address() returns it") {
    for (const char* text : {"127.0.0.1:0", "[::1]:0"}) {
      CAPTURE(text);
      const Address any = address(text);
      Socket socket = open_socket(any.family());
      ok(socket.bind(any));
      const Address bound = ok(socket.local_address());
      CHECK(bound.host() == any.host());
      CHECK(bound.port() != 0);
    }
  }

  TEST_CASE("the error of a socket that cannot be bound has the reason and a hint") {
    Socket first = open_socket(Family::ipv4, SocketType::datagram);
    ok(first.bind(address("127.0.0.1:0")));
    const Address taken = ok(first.local_address());
    Socket second = open_socket(Family::ipv4, SocketType::datagram);
    CHECK(failure(second.bind(taken)) == "bind " + taken.to_string() +
                                             ": address already in use (another program listens "
                                             "there)");
    CHECK(failure(second.bind(address("203.0.113.7:0"))) ==
          "bind 203.0.113.7:0: cannot assign requested address (no interface has this address)");
    Socket ipv6 = open_socket(Family::ipv6);
    CHECK(failure(ipv6.bind(address("[fe80::1]:0"))) ==
          "bind [fe80::1]:0: invalid argument (a link-local address needs its interface: "
          "fe80::1%eth0)");
  }

  TEST_CASE("two connected sockets know the address of each other") {
    Socket listener = open_socket();
    ok(listener.bind(address("127.0.0.1:0")));
    REQUIRE(::listen(listener.fd(), 1) == 0);
    Socket client = open_socket();
    CHECK(failure(client.peer_address()) ==
          "get peer address: transport endpoint is not connected");
    ok(client.connect(ok(listener.local_address())));
    pollfd until_done{client.fd(), POLLOUT, 0};
    REQUIRE(::poll(&until_done, 1, 10'000) == 1);
    CHECK_FALSE(client.take_error());
    CHECK(ok(client.peer_address()) == ok(listener.local_address()));
  }

  TEST_CASE("a refused connection leaves an error, which is returned once") {
    Address closed;
    {
      Socket gone = open_socket();
      ok(gone.bind(address("127.0.0.1:0")));
      closed = ok(gone.local_address());
    }
    Socket client = open_socket();
    CHECK_FALSE(ok(client.connect(closed)));
    pollfd until_done{client.fd(), POLLOUT, 0};
    REQUIRE(::poll(&until_done, 1, 10'000) == 1);
    CHECK(client.take_error().code == std::errc::connection_refused);
    CHECK_FALSE(client.take_error());
  }

  TEST_CASE("a pair of sockets is connected") {
    auto [left, right] = ok(socket_pair());
    CHECK(::send(left.fd(), "hi", 2, 0) == 2);
    char text[8];
    CHECK(::recv(right.fd(), text, sizeof text, 0) == 2);
    CHECK(ok(left.local_address()).to_string() == "unix:");
  }

  TEST_CASE("a dual-stack socket accepts IPv4 peers, whose addresses unmap") {
    Socket server = open_socket(Family::ipv6, SocketType::datagram);
    ok(server.set(option::ipv6_only, false));
    ok(server.bind(address("[::]:0")));
    Socket client = open_socket(Family::ipv4, SocketType::datagram);
    Address target = address("127.0.0.1:0");
    target.set_port(ok(server.local_address()).port());
    CHECK(ok(client.connect(target)));
    REQUIRE(::send(client.fd(), "x", 1, 0) == 1);

    Address sender;
    socklen_t size = Address::capacity();
    char byte;
    REQUIRE(::recvfrom(server.fd(), &byte, 1, 0, sender.data(), &size) == 1);
    sender.resize(size);
    CHECK(sender.family() == Family::ipv6);
    CHECK(sender.unmapped() == ok(client.local_address()));
  }

  TEST_CASE("a multicast group is joined and left by interface") {
    const unsigned loopback = if_nametoindex("lo");
    for (const char* text : {"239.1.2.3:0", "[ff02::123]:0"}) {
      CAPTURE(text);
      const Address group = address(text);
      Socket socket = open_socket(group.family(), SocketType::datagram);
      ok(socket.join(group, loopback));
      CHECK(failure(socket.join(group, loopback)) ==
            "join multicast group " + group.host() + ": address already in use (joined already)");
      ok(socket.leave(group, loopback));
      CHECK(socket.leave(group, loopback).error().code == std::errc::address_not_available);
      ok(socket.set_multicast_interface(loopback));
      CHECK_FALSE(socket.set_multicast_interface(999'999));
      CHECK_FALSE(socket.join(group, 999'999));
    }
    const Address with_scope = address("[ff02::123%lo]:0");
    Socket socket = open_socket(Family::ipv6, SocketType::datagram);
    ok(socket.join(with_scope));
    ok(socket.leave(with_scope, loopback));
    CHECK(socket.join(address("[::1]:0")).error().code == std::errc::invalid_argument);
  }

  TEST_CASE("a unix socket is bound to a path or to an abstract name") {
    const TemporaryDirectory directory;
    Socket file = open_socket(Family::unix_socket);
    ok(file.bind(directory.at("socket")));
    CHECK(ok(file.local_address()) == directory.at("socket"));

    const Address name = address("unix:@uvreactor-test-" + std::to_string(getpid()));
    {
      Socket abstract = open_socket(Family::unix_socket);
      ok(abstract.bind(name));
      CHECK(ok(abstract.local_address()) == name);
      Socket second = open_socket(Family::unix_socket);
      CHECK(second.bind(name).error().code == std::errc::address_in_use);
    }
    Socket later = open_socket(Family::unix_socket);
    ok(later.bind(name));
  }

  TEST_CASE("the socket file of a server that has ended is replaced") {
    const TemporaryDirectory directory;
    const Address path = directory.at("socket");
    for (SocketType type : {SocketType::stream, SocketType::datagram, SocketType::stream}) {
      Socket dead = open_socket(Family::unix_socket, type);
      ok(dead.bind(path));
      if (type == SocketType::stream) REQUIRE(::listen(dead.fd(), 1) == 0);
    }
    Socket alive = open_socket(Family::unix_socket);
    ok(alive.bind(path));
    REQUIRE(::listen(alive.fd(), 1) == 0);
    Socket client = open_socket(Family::unix_socket);
    CHECK(ok(client.connect(path)));
  }

  TEST_CASE(
      "the socket file of a running server is never replaced, and the server does not notice") {
    const TemporaryDirectory directory;
    const Address path = directory.at("socket");
    const auto second_is_refused = [&path] {
      for (SocketType type : {SocketType::stream, SocketType::datagram}) {
        Socket second = open_socket(Family::unix_socket, type);
        CHECK(failure(second.bind(path)) ==
              "bind " + path.to_string() +
                  ": address already in use (another program listens there)");
      }
    };
    SUBCASE("a stream server, bound and then listening") {
      Socket server = open_socket(Family::unix_socket);
      ok(server.bind(path));
      second_is_refused();
      REQUIRE(::listen(server.fd(), 1) == 0);
      second_is_refused();
      pollfd connections{server.fd(), POLLIN, 0};
      CHECK(::poll(&connections, 1, 0) == 0);
      Socket client = open_socket(Family::unix_socket);
      CHECK(ok(client.connect(path)));
      CHECK(::poll(&connections, 1, 0) == 1);
    }
    SUBCASE("a datagram server") {
      Socket server = open_socket(Family::unix_socket, SocketType::datagram);
      ok(server.bind(path));
      second_is_refused();
    }
  }

  TEST_CASE("a file that is no socket is never replaced") {
    const TemporaryDirectory directory;
    const Address path = directory.at("file");
    const std::string refused = "bind " + path.to_string() +
                                ": address already in use (a file that is not a socket has this "
                                "name)";
    SUBCASE("a regular file") { std::ofstream(path.host()) << "precious"; }
    SUBCASE("a directory") { std::filesystem::create_directory(path.host()); }
    SUBCASE("a link to the socket of a dead server") {
      Socket dead = open_socket(Family::unix_socket);
      ok(dead.bind(directory.at("dead")));
      std::filesystem::create_symlink(directory.at("dead").host(), path.host());
    }
    Socket socket = open_socket(Family::unix_socket);
    CHECK(failure(socket.bind(path)) == refused);
    CHECK(std::filesystem::exists(std::filesystem::symlink_status(path.host())));
  }

  TEST_CASE("sockets that fail to open, bind or connect leave no descriptor behind") {
    const auto open_descriptors = [] {
      std::size_t count = 0;
      for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        count += entry.exists() ? 1 : 0;
      }
      return count;
    };
    const TemporaryDirectory directory;
    const std::size_t before = open_descriptors();
    Socket live = open_socket(Family::unix_socket);
    ok(live.bind(directory.at("live")));
    for (int i = 0; i < 1000; ++i) {
      CHECK_FALSE(open_socket().bind(address("203.0.113.7:0")));
      CHECK_FALSE(open_socket(Family::unix_socket).bind(directory.at("live")));
      CHECK_FALSE(open_socket(Family::unix_socket).connect(directory.at("none")));
    }
    CHECK(open_descriptors() == before + 1);
  }
}
