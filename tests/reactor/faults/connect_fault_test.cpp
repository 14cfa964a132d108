// Connecting where the kernel behaves as it rarely does.
#include <doctest/doctest.h>
#include <sys/socket.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "faulty_platform.hpp"
#include "reactor/listener.hpp"
#include "reactor/stream.hpp"
#include "support/loop_modes.hpp"
#include "support/peer.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"

using namespace std::chrono_literals;
using faulty::Connect;
using reactor::Loop;
using reactor::Stream;

namespace {

struct Changed {
  explicit Changed(Connect what) { faulty::change_connect(what); }
  ~Changed() { faulty::change_connect(Connect::as_ever); }
  Changed(const Changed&) = delete;
  Changed& operator=(const Changed&) = delete;
};

}  // namespace

TEST_SUITE("connect_faults") {
  TEST_CASE_TEMPLATE("a connect that a signal interrupts connects", LoopMode, Standalone,
                     Embedded) {
    LoopMode mode;
    const Changed connect(Connect::interrupted);
    for (const Transport transport : {Transport::tcp4, Transport::unix_socket}) {
      const auto listening = listening_socket(transport);
      auto stream = ok(Stream::connect(mode.loop, ok(listening.local_address())));
      bool connected = false;
      stream.on_connect([&] { connected = true; });
      run_until(mode.loop, [&] { return connected; });
    }
  }

  TEST_CASE_TEMPLATE("a socket that is connected to itself is a refused connection", LoopMode,
                     Standalone, Embedded) {
    LoopMode mode;
    const Changed connect(Connect::to_itself);
    for (const Transport transport : transports()) {
      if (transport == Transport::unix_socket) continue;
      auto listening = listening_socket(transport);
      const auto nobody = ok(listening.local_address());
      listening = {};
      for (int time = 0; time < 2; ++time) {  // The port is free again immediately.
        std::string reported;
        auto stream = ok(Stream::connect(mode.loop, nobody));
        stream.write("hello");
        stream.on_connect([] { FAIL("nobody listens there"); });
        stream.on_data([](auto) { FAIL("nobody answers"); });
        stream.on_close([&](const reactor::Error& error) { reported = error.message(); });
        run_until(mode.loop, [&] { return !reported.empty(); });
        CHECK(reported == "connect " + nobody.to_string() + ": connection refused");
      }
    }
  }

  TEST_CASE_TEMPLATE("a unix socket with a full backlog is connected to once there is room",
                     LoopMode, Standalone, Embedded) {
    LoopMode mode;
    Loop& loop = mode.loop;
    auto listening = listening_socket(Transport::unix_socket, 1);
    const auto address = ok(listening.local_address());
    std::vector<std::optional<Stream>> streams(6);
    int connected = 0, closed = 0;
    for (auto& stream : streams) {
      stream = ok(Stream::connect(loop, address, 1h));
      stream->write("hello");
      stream->on_connect([&] { ++connected; });
      stream->on_close([&](const reactor::Error&) { ++closed; });
    }
    run_until(loop, [&] { return connected > 0; });
    for (int i = 0; i < 5; ++i) loop.poll();
    CHECK(connected < 6);
    std::vector<reactor::Socket> accepted;
    run_until(loop, [&] {
      const int fd = accept4(listening.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) accepted.push_back(reactor::Socket::own(fd));
      return connected == 6 && accepted.size() == 6;
    });
    CHECK(closed == 0);
    std::size_t received = 0;
    run_until(loop, [&] {
      char buffer[16];
      for (const auto& socket : accepted) {
        const ssize_t size = recv(socket.fd(), buffer, sizeof buffer, 0);
        if (size > 0) received += static_cast<std::size_t>(size);
      }
      return received == 30;
    });
  }

  TEST_CASE(
      "a unix socket with a full backlog is given up at the timeout, or when its server ends") {
    Loop loop;
    auto listening = listening_socket(Transport::unix_socket, 0);
    const auto address = ok(listening.local_address());
    const auto first = connect_to(address);
    std::string timed_out, gone, destroyed;
    auto impatient = ok(Stream::connect(loop, address, 5ms));
    impatient.on_close([&](const reactor::Error& error) { timed_out = error.message(); });
    auto patient = ok(Stream::connect(loop, address, std::chrono::hours::max()));
    patient.on_close([&](const reactor::Error& error) { gone = error.message(); });
    std::optional<Stream> dropped = ok(Stream::connect(loop, address, 1h));
    dropped->on_close([&](const reactor::Error&) { FAIL("it was destroyed"); });
    run_until(loop, [&] { return !timed_out.empty(); });
    CHECK(timed_out == "connect unix socket: connection timed out");
    CHECK(gone.empty());
    dropped.reset();
    listening = {};
    run_until(loop, [&] { return !gone.empty(); });
    CHECK(gone.find("connection refused") != gone.npos);
  }
}
