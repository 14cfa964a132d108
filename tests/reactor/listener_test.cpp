#include "reactor/listener.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "reactor/resolver.hpp"
#include "reactor/timer.hpp"
#include "support/child.hpp"
#include "support/loop_modes.hpp"
#include "support/peer.hpp"
#include "support/run_until.hpp"

using namespace std::chrono_literals;
using reactor::Address;
using reactor::Listener;
using reactor::Loop;
using reactor::Result;
using reactor::Socket;
using reactor::Timer;

namespace {

// A listener that keeps what it accepts.
struct Accepting {
  Accepting(Loop& loop, const Address& address, reactor::ListenOptions options = {})
      : listener(Listener::listen(loop, address, options, keep())) {}
  Accepting(Loop& loop, Socket socket)
      : listener(Listener::adopt(loop, std::move(socket), keep())) {}

  Listener::OnAccept keep() {
    return [this](Socket socket, const Address& peer) {
      sockets.push_back(std::move(socket));
      peers.push_back(peer);
    };
  }

  std::vector<Socket> sockets;
  std::vector<Address> peers;
  Result<Listener> listener;
};

}  // namespace

TEST_SUITE("listener") {
  TEST_CASE_TEMPLATE("connections arrive with the address of their peer, ready for use", LoopMode,
                     Standalone, Embedded) {
    for (const Transport transport : transports()) {
      CAPTURE(transport);
      LoopMode mode;
      Accepting on(mode.loop, any_address(transport));
      REQUIRE(on.listener);
      const Socket client = connect_to(on.listener->address());
      run_until(mode.loop, [&] { return !on.sockets.empty(); });
      const Socket& accepted = on.sockets[0];
      CHECK(on.peers[0] == *client.local_address());
      CHECK((fcntl(accepted.fd(), F_GETFL) & O_NONBLOCK) != 0);
      CHECK((fcntl(accepted.fd(), F_GETFD) & FD_CLOEXEC) != 0);
      if (transport != Transport::unix_socket) {
        CHECK(*accepted.get(reactor::option::no_delay));
      }
    }
  }

  TEST_CASE_TEMPLATE("a burst of connections is accepted without loss", LoopMode, Standalone,
                     Embedded) {
    constexpr std::size_t many = 300;  // More than are accepted in one iteration.
    LoopMode mode;
    Accepting on(mode.loop, any_address(Transport::tcp4));
    REQUIRE(on.listener);
    std::vector<Socket> clients;
    for (std::size_t i = 0; i < many; ++i) clients.push_back(connect_to(on.listener->address()));
    run_until(mode.loop, [&] { return on.sockets.size() == many; });
  }

  TEST_CASE_TEMPLATE("connections that end before they are accepted do no harm", LoopMode,
                     Standalone, Embedded) {
    LoopMode mode;
    Accepting on(mode.loop, any_address(Transport::tcp4));
    REQUIRE(on.listener);
    for (int i = 0; i < 200; ++i) {
      Socket client = connect_to(on.listener->address());
      REQUIRE(client.set(reactor::option::linger, 0s));
    }
    const Socket last = connect_to(on.listener->address());
    run_until(mode.loop,
              [&] { return !on.peers.empty() && on.peers.back() == *last.local_address(); });
  }

  TEST_CASE_TEMPLATE("a paused listener leaves connections in the backlog", LoopMode, Standalone,
                     Embedded) {
    LoopMode mode;
    Accepting on(mode.loop, any_address(Transport::tcp4));
    REQUIRE(on.listener);
    on.listener->pause();
    on.listener->pause();
    const Socket client = connect_to(on.listener->address());
    for (int i = 0; i < 3; ++i) mode.loop.poll();
    CHECK(on.sockets.empty());
    on.listener->resume();
    run_until(mode.loop, [&] { return on.sockets.size() == 1; });
  }

  TEST_CASE_TEMPLATE("a listener may be paused, replaced or destroyed in its callback", LoopMode,
                     Standalone, Embedded) {
    for (const std::string how : {"pause", "destroy", "replace"}) {
      CAPTURE(how);
      LoopMode mode;
      std::optional<Listener> listener;
      int accepted = 0;
      const auto on_accept = [&](Socket, const Address&) {
        ++accepted;
        if (how == "pause") listener->pause();
        if (how == "destroy") listener.reset();
        if (how == "replace") {
          listener = std::move(*Listener::listen(mode.loop, any_address(Transport::tcp4),
                                                 [](Socket, const Address&) {}));
        }
      };
      listener = std::move(*Listener::listen(mode.loop, any_address(Transport::tcp4), on_accept));
      const Address address = listener->address();
      const Socket first = connect_to(address), second = connect_to(address);
      run_until(mode.loop, [&] { return accepted > 0; });
      for (int i = 0; i < 3; ++i) mode.loop.poll();
      CHECK(accepted == 1);
    }
  }

  TEST_CASE_TEMPLATE("a draining listener delivers all connections that the kernel has accepted",
                     LoopMode, Standalone, Embedded) {
    constexpr std::size_t many = 150;  // More than are delivered in one iteration.
    for (const Transport transport : transports()) {
      CAPTURE(transport);
      LoopMode mode;
      Accepting on(mode.loop, any_address(transport));
      REQUIRE(on.listener);
      const Address address = on.listener->address();
      std::vector<Socket> clients;
      for (std::size_t i = 0; i < many; ++i) clients.push_back(connect_to(address));
      on.listener->drain();
      on.listener->drain();
      CHECK(on.sockets.empty());  // No callback is called from inside drain().
      const Accepting next(mode.loop, address);
      CHECK_MESSAGE(next.listener, "the address is free at once");
      CHECK(on.listener->address() == address);
      run_until(mode.loop, [&] { return on.sockets.size() == many; });
      CHECK(next.sockets.empty());
      for (std::size_t i = 0; i < many; ++i) {
        CHECK(on.peers[i] == *clients[i].local_address());
        CHECK((fcntl(on.sockets[i].fd(), F_GETFL) & O_NONBLOCK) != 0);
      }
    }
  }

  TEST_CASE_TEMPLATE("run() returns once a listener has drained, and not while it drains", LoopMode,
                     Standalone, Embedded) {
    LoopMode mode;
    Accepting on(mode.loop, any_address(Transport::tcp4));
    REQUIRE(on.listener);
    const Socket client = connect_to(on.listener->address());
    on.listener->drain();
    mode.loop.run();
    CHECK(on.sockets.size() == 1);
    mode.loop.run();
    on.listener->pause();
    on.listener->resume();
    mode.loop.run();
  }

  TEST_CASE_TEMPLATE("pause() holds back the connections that a draining listener has accepted",
                     LoopMode, Standalone, Embedded) {
    LoopMode mode;
    Accepting on(mode.loop, any_address(Transport::tcp4));
    REQUIRE(on.listener);
    const Socket client = connect_to(on.listener->address());
    on.listener->pause();
    on.listener->drain();
    for (int i = 0; i < 3; ++i) mode.loop.poll();
    CHECK(on.sockets.empty());
    on.listener->resume();
    run_until(mode.loop, [&] { return on.sockets.size() == 1; });
  }

  TEST_CASE_TEMPLATE("a listener may be drained in its callback, and then paused or destroyed",
                     LoopMode, Standalone, Embedded) {
    for (const std::string how : {"drain", "drain, then pause", "drain, then destroy", "throw"}) {
      CAPTURE(how);
      LoopMode mode;
      Loop& loop = mode.loop;
      std::optional<Listener> listener;
      int accepted = 0;
      listener = std::move(
          *Listener::listen(loop, any_address(Transport::tcp4), [&](Socket, const Address&) {
            if (++accepted == 1) listener->drain();
            if (accepted != 2) return;
            if (how == "drain, then pause") listener->pause();
            if (how == "drain, then destroy") listener.reset();
            if (how == "throw") throw std::runtime_error("thrown");
          }));
      const Address address = listener->address();
      const Socket first = connect_to(address), second = connect_to(address),
                   third = connect_to(address);
      const auto run = [&] {
        run_until(loop, [&] { return accepted >= 2; });
        for (int i = 0; i < 3; ++i) loop.poll();
      };
      if (how == "throw") CHECK_THROWS_WITH(run(), "thrown");
      run();
      CHECK(accepted == (how == "drain" || how == "throw" ? 3 : 2));
    }
  }

  TEST_CASE("a negative backlog is refused") {
    Loop loop;
    const Accepting on(loop, any_address(Transport::tcp4), {.backlog = -1});
    REQUIRE_FALSE(on.listener);
    CHECK(on.listener.error().code == std::errc::invalid_argument);
  }

  TEST_CASE("errors of listen() name the address") {
    Loop loop;
    const Accepting first(loop, any_address(Transport::tcp4));
    REQUIRE(first.listener);
    const Address taken = first.listener->address();
    const Accepting second(loop, taken);
    REQUIRE_FALSE(second.listener);
    CHECK(second.listener.error().code == std::errc::address_in_use);
    CHECK(second.listener.error().message().starts_with("bind " + taken.to_string() +
                                                        ": address already in use"));

    const Accepting elsewhere(loop, *Address::parse("192.0.2.1:0"));
    REQUIRE_FALSE(elsewhere.listener);
    CHECK(elsewhere.listener.error().code == std::errc::address_not_available);

    const Address nowhere = *Address::parse("unix:/nonexistent/folder/socket");
    const Accepting unreachable(loop, nowhere);
    REQUIRE_FALSE(unreachable.listener);
    CHECK(unreachable.listener.error().message() ==
          "bind unix:/nonexistent/folder/socket: no such file or directory "
          "(its directory does not exist)");
  }

  TEST_CASE("listeners that share a port each get a part of the connections") {
    constexpr std::size_t many = 200;
    Loop loop;
    Accepting first(loop, any_address(Transport::tcp4), {.reuse_port = true});
    REQUIRE(first.listener);
    Accepting second(loop, first.listener->address(), {.reuse_port = true});
    REQUIRE(second.listener);
    std::vector<Socket> clients;
    for (std::size_t i = 0; i < many; ++i) {
      clients.push_back(connect_to(first.listener->address()));
    }
    run_until(loop, [&] { return first.sockets.size() + second.sockets.size() == many; });
    CHECK(first.sockets.size() > 0);
    CHECK(second.sockets.size() > 0);
  }

  TEST_CASE("loops that share a listening socket share its connections, and lose none") {
    constexpr std::size_t many = 100;
    Loop loop, other;
    Socket listening = listening_socket(Transport::tcp4, 1000);
    Socket duplicate = *Socket::adopt(dup(listening.fd()));
    Accepting first(loop, std::move(listening)), second(other, std::move(duplicate));
    REQUIRE(first.listener);
    REQUIRE(second.listener);
    std::vector<Socket> clients;
    for (std::size_t i = 0; i < many; ++i) clients.push_back(connect_to(first.listener->address()));
    run_until(loop, [&] {
      other.poll();
      return first.sockets.size() + second.sockets.size() == many;
    });
  }

  TEST_CASE("a socket that does not listen cannot be adopted") {
    Loop loop;
    Accepting stream(loop, std::move(connected_sockets(Transport::tcp4)[0]));
    REQUIRE_FALSE(stream.listener);
    CHECK(stream.listener.error().code == std::errc::invalid_argument);
    Accepting nothing(loop, Socket());
    REQUIRE_FALSE(nothing.listener);
    CHECK(nothing.listener.error().code == std::errc::bad_file_descriptor);
  }

  TEST_CASE_TEMPLATE("when accepting fails, on_error reports it once a second, without a spin",
                     LoopMode, Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    Socket listening = listening_socket(Transport::tcp4);
    const int fd = listening.fd();
    Accepting on(loop, std::move(listening));
    REQUIRE(on.listener);
    const Address address = on.listener->address();
    std::vector<std::string> errors;
    on.listener->on_error([&](const reactor::Error& error) { errors.push_back(error.message()); });
    const auto& statistics = loop.measure_iterations();
    REQUIRE(shutdown(fd, SHUT_RD) == 0);  // accept fails with EINVAL from now on.
    const auto enough = Timer::after(loop, 200ms, [&] { loop.stop(); });
    loop.run_forever();
    // Pauses of 5, 10, 20, 40 and 80 ms, and an iteration or two for each.
    CHECK(statistics.iterations < 40);
    CHECK(errors == std::vector{"accept on " + address.to_string() + ": invalid argument"});
  }

  // ---- Unix sockets

  TEST_CASE_TEMPLATE("the file of a unix socket is removed with its listener", LoopMode, Standalone,
                     Embedded) {
    LoopMode mode;
    const std::string path = unused_path();
    {
      const Accepting on(mode.loop, *Address::parse("unix:" + path));
      REQUIRE(on.listener);
      CHECK(std::filesystem::is_socket(path));
    }
    CHECK_FALSE(std::filesystem::exists(path));
  }

  TEST_CASE("the socket file of a server that has crashed is replaced") {
    Loop loop;
    const std::string path = unused_path();
    const Address address = *Address::parse("unix:" + path);
    {
      Socket dead = *Socket::open(reactor::Family::unix_socket, reactor::SocketType::stream);
      REQUIRE(dead.bind(address));
      REQUIRE(listen(dead.fd(), 1) == 0);
    }
    CHECK(std::filesystem::is_socket(path));
    Accepting on(loop, address);
    REQUIRE(on.listener);
    const Socket client = connect_to(address);
    run_until(loop, [&] { return on.sockets.size() == 1; });
  }

  TEST_CASE("the socket file of a running server, and a file of another kind, are not touched") {
    Loop loop;
    const Address address = any_address(Transport::unix_socket);
    Accepting live(loop, address);
    REQUIRE(live.listener);
    const Accepting second(loop, address);
    REQUIRE_FALSE(second.listener);
    CHECK(second.listener.error().code == std::errc::address_in_use);
    const Socket client = connect_to(address);
    run_until(loop, [&] { return live.sockets.size() == 1; });

    const std::string path = unused_path();
    std::ofstream(path) << "precious";
    const Accepting over_a_file(loop, *Address::parse("unix:" + path));
    REQUIRE_FALSE(over_a_file.listener);
    CHECK(over_a_file.listener.error().message() ==
          "bind unix:" + path +
              ": address already in use (a file that is not a socket has this name)");
    CHECK(std::filesystem::file_size(path) == 8);
    std::filesystem::remove(path);
  }

  TEST_CASE("drain() removes the file of a unix socket, once") {
    Loop loop;
    const std::string path = unused_path();
    const Address address = *Address::parse("unix:" + path);
    std::optional<Accepting> first(std::in_place, loop, address);
    REQUIRE(first->listener);
    first->listener->drain();
    CHECK_FALSE(std::filesystem::exists(path));
    const Accepting second(loop, address);
    REQUIRE(second.listener);
    first.reset();
    CHECK(std::filesystem::is_socket(path));
  }

  TEST_CASE("a socket file that another server has replaced is not removed") {
    Loop loop;
    const std::string path = unused_path();
    const Address address = *Address::parse("unix:" + path);
    std::optional<Accepting> first(std::in_place, loop, address);
    REQUIRE(first->listener);
    std::filesystem::remove(path);
    const Accepting second(loop, address);
    REQUIRE(second.listener);
    first.reset();
    CHECK(std::filesystem::is_socket(path));
  }

  TEST_CASE("an abstract unix name has no file") {
    Loop loop;
    const Address address = *Address::parse("unix:@uvreactor-" + std::to_string(getpid()));
    {
      Accepting on(loop, address);
      REQUIRE(on.listener);
      const Socket client = connect_to(address);
      run_until(loop, [&] { return on.sockets.size() == 1; });
    }
    const Accepting again(loop, address);
    CHECK(again.listener);
  }

  // ---- Socket activation

  TEST_CASE("a process that was not activated has inherited no listeners") {
    const auto sockets = reactor::inherited_listeners();
    REQUIRE(sockets);
    CHECK(sockets->empty());
  }

  TEST_CASE("listening sockets that a supervisor passes are served") {
    const Socket first = listening_socket(Transport::tcp4);
    const Socket second = listening_socket(Transport::unix_socket);
    const Socket client = connect_to(*second.local_address());
    const auto end = in_child([&] {
      const int one = dup(first.fd()), two = dup(second.fd());
      dup2(one, 3);
      dup2(two, 4);
      setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
      setenv("LISTEN_FDS", "2", 1);
      auto sockets = reactor::inherited_listeners();
      if (!sockets || sockets->size() != 2 || getenv("LISTEN_FDS")) _exit(2);
      Loop loop;
      Accepting on(loop, std::move((*sockets)[1]));
      if (!on.listener) _exit(3);
      while (on.sockets.empty()) loop.run_once();
      if (!reactor::inherited_listeners()->empty()) _exit(4);
    });
    CHECK(end.printed == "");
    CHECK(end.succeeded());
  }

  TEST_CASE("a descriptor from a supervisor that is no socket is an error") {
    const auto end = in_child([&] {
      std::array<int, 2> ends;
      if (pipe(ends.data()) != 0) _exit(2);
      dup2(ends[0], 3);
      setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
      setenv("LISTEN_FDS", "1", 1);
      const auto sockets = reactor::inherited_listeners();
      if (sockets || sockets.error().code != std::errc::not_a_socket) _exit(3);
      setenv("LISTEN_PID", "1", 1);
      if (!reactor::inherited_listeners()->empty()) _exit(4);
    });
    CHECK(end.printed == "");
    CHECK(end.succeeded());
  }

  TEST_CASE_TEMPLATE("a listener of a name listens on all its addresses, with one port", LoopMode,
                     Standalone, Embedded) {
    LoopMode mode;
    const auto found = reactor::resolve_now("localhost:0");
    REQUIRE(found);
    std::vector<Socket> accepted;
    std::vector<Address> peers;
    auto listener =
        Listener::listen(mode.loop, "localhost:0", {}, [&](Socket socket, const Address& peer) {
          accepted.push_back(std::move(socket));
          peers.push_back(peer);
        });
    REQUIRE_MESSAGE(listener, listener.error().message());
    const std::vector<Address> addresses = listener->addresses();
    if (found->size() < 2 || addresses.size() < 2) MESSAGE("skipped: localhost has one address");
    CHECK(addresses.front() == listener->address());
    std::vector<Socket> clients;
    for (const Address& address : addresses) {
      CHECK(address.port() == addresses.front().port());
      clients.push_back(connect_to(address));
    }
    run_until(mode.loop, [&] { return accepted.size() == addresses.size(); });

    listener->pause();
    for (const Address& address : addresses) clients.push_back(connect_to(address));
    for (int i = 0; i < 3; ++i) mode.loop.poll();
    CHECK(accepted.size() == addresses.size());
    listener->resume();
    run_until(mode.loop, [&] { return accepted.size() == 2 * addresses.size(); });

    for (const Address& address : addresses) clients.push_back(connect_to(address));
    listener->drain();
    mode.loop.run();
    CHECK(accepted.size() == 3 * addresses.size());
  }

  TEST_CASE("a name with an address that is in use is not listened to, and leaves no socket") {
    Loop loop;
    const auto found = reactor::resolve_now("localhost:0");
    REQUIRE(found);
    for (const Address& address : *found) {
      const Accepting other(loop, address);
      if (!other.listener) continue;  // This host does not have the family.
      const std::string port = std::to_string(other.listener->address().port());
      const auto refused =
          Listener::listen(loop, "localhost:" + port, {}, [](Socket, const Address&) {});
      REQUIRE_FALSE(refused);
      CHECK(refused.error().code == std::errc::address_in_use);
      for (const Address& free : *found) {
        if (free == address) continue;
        Address again = free;
        again.set_port(other.listener->address().port());
        CHECK(Accepting(loop, again).listener);
      }
    }
  }

  TEST_CASE_TEMPLATE("a listener of several addresses may be destroyed from its callback", LoopMode,
                     Standalone, Embedded) {
    LoopMode mode;
    std::optional<Listener> listener;
    int calls = 0;
    auto made = Listener::listen(mode.loop, "localhost:0", {}, [&](Socket, const Address&) {
      ++calls;
      listener.reset();
    });
    REQUIRE(made);
    listener = std::move(*made);
    std::vector<Socket> clients;
    for (const Address& address : listener->addresses()) clients.push_back(connect_to(address));
    run_until(mode.loop, [&] { return !listener; });
    for (int i = 0; i < 3; ++i) mode.loop.poll();
    CHECK(calls == 1);
  }

  TEST_CASE("a port is shared among the listeners of a process, and with no other process") {
    Loop loop;
    for (const char* endpoint : {"127.0.0.1:0", "localhost:0"}) {
      CAPTURE(endpoint);
      const auto ignore = [](Socket, const Address&) {};
      auto first = Listener::listen(loop, endpoint, {.reuse_port = true}, ignore);
      REQUIRE(first);
      std::string again(endpoint);
      again.replace(again.size() - 1, 1, std::to_string(first->address().port()));
      const auto second = Listener::listen(loop, again, {.reuse_port = true}, ignore);
      CHECK(second);
      CHECK_FALSE(Listener::listen(loop, again, {}, ignore));
      // Another program does not know the sockets of this one.
      const ChildEnd end = in_child([&] {
        for (int fd = 3; fd < 1024; ++fd) close(fd);
        Loop own;
        const auto refused = Listener::listen(own, again, {.reuse_port = true}, ignore);
        _exit(!refused && refused.error().code == std::errc::address_in_use ? 0 : 1);
      });
      CHECK(end.succeeded());
    }
  }

  TEST_CASE("a listener that ends leaves no descriptor open, also if its descriptor is 0") {
    for (const bool drains : {false, true}) {
      CAPTURE(drains);
      const ChildEnd end = in_child([&] {
        Loop loop;
        Socket socket = listening_socket(Transport::tcp4);
        const auto is_open = [] { return ::fcntl(STDIN_FILENO, F_GETFD) >= 0; };
        ::close(STDIN_FILENO);
        auto adopted = Listener::adopt(loop, std::move(socket), [](Socket, const Address&) {});
        std::optional<Listener> listener = std::move(*adopted);
        std::string seen = is_open() ? "open, " : "not 0, ";
        drains ? listener->drain() : listener.reset();
        seen += is_open() ? "left open" : "closed";
        (void)!::write(STDOUT_FILENO, seen.data(), seen.size());
      });
      CHECK(end.printed == "open, closed");
    }
  }
}
