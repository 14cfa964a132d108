#include "reactor/write_status.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <string>

#include "reactor/datagram.hpp"
#include "support/connection.hpp"
#include "support/loop_modes.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"

using reactor::DatagramSocket;
using reactor::Loop;
using reactor::Stream;
using reactor::WriteStatus;

TEST_SUITE("write_status") {
  TEST_CASE("no byte is taken of a write that a sender refuses, and the connection continues") {
    Loop loop;
    ConnectedStream on(loop);
    on.stream->set_limits({.high_water_bytes = 100, .max_queued_bytes = 200});
    const Stream::Sender sender = on.stream->sender();
    REQUIRE(sender.write("taken ") == WriteStatus::queued);
    CHECK(sender.write(std::string(195, 'x')) == WriteStatus::refused);
    bool drained = false;
    sender.once_drained([&] { drained = true; });
    run_until(loop, [&] { return drained; });
    CHECK(sender.write("and taken") == WriteStatus::queued);
    run_until(loop, [&] { return on.peer.received().size() >= 15; });
    CHECK(on.peer.received() == "taken and taken");
    CHECK_FALSE(on.closed);
  }

  TEST_CASE("no byte is taken of a datagram that is refused, and the socket continues") {
    Loop loop;
    const std::string name = "unix:@uvreactor-refused-" + std::to_string(getpid());
    auto receiver = ok(DatagramSocket::bind(loop, name));
    auto socket = ok(DatagramSocket::connect(loop, receiver.address(), {.max_queued_bytes = 300}));
    std::string received;
    socket.on_error([](const reactor::Error& error) { FAIL(error.message()); });
    bool drained = false;
    socket.on_drained([&] { drained = true; });
    std::string taken;
    while (socket.send("y") != WriteStatus::refused) taken += "y";
    CHECK(socket.send("x") == WriteStatus::refused);
    receiver.on_received([&](std::span<const reactor::Datagram> batch) {
      for (const reactor::Datagram& datagram : batch) received += datagram.text();
    });
    run_until(loop, [&] { return drained; });
    CHECK(socket.send("z") == WriteStatus::sent);
    run_until(loop, [&] { return received.size() > taken.size(); });
    CHECK(received == taken + "z");
    CHECK(socket.counters().dropped == 0);
  }
}
