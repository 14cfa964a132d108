#include "reactor/descriptor.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reactor/listener.hpp"
#include "reactor/stream.hpp"
#include "support/loop_modes.hpp"
#include "support/peer.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"

using reactor::Address;
using reactor::Descriptor;
using reactor::Error;
using reactor::Loop;
using reactor::Stream;
using reactor::WriteStatus;

namespace {

// A pipe whose second end is passed. Its first end is at its end once every copy is closed.
struct PassedPipe {
  PassedPipe() {
    std::array<int, 2> ends{};
    REQUIRE(pipe(ends.data()) == 0);
    kept = Descriptor::own(ends[0]);
    given = Descriptor::own(ends[1]);
  }
  [[nodiscard]] std::vector<Descriptor> give() {
    std::vector<Descriptor> one;
    one.push_back(std::move(given));
    return one;
  }
  [[nodiscard]] bool is_closed_everywhere() const {
    pollfd end{kept.fd(), POLLIN, 0};
    return poll(&end, 1, 0) == 1 && (end.revents & POLLHUP) != 0;
  }
  // What was written to the passed end.
  [[nodiscard]] std::string text() const {
    std::array<char, 16> buffer{};
    const ssize_t size = read(kept.fd(), buffer.data(), buffer.size());
    return {buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
  }

  Descriptor kept;
  Descriptor given;
};

// Two streams, connected to each other.
template <class LoopMode>
struct UnixPair {
  explicit UnixPair(Transport transport = Transport::unix_socket, Buffers buffers = {})
      : UnixPair(connected_sockets(transport, buffers)) {}
  explicit UnixPair(std::array<reactor::Socket, 2> sockets)
      : sender(std::in_place, loop, std::move(sockets[0])),
        receiver(std::in_place, loop, std::move(sockets[1])) {
    sender->on_data([](auto) {});
    sender->on_close([this](const Error& error) { sender_error = error; });
    receiver->on_close([this](const Error& error) { receiver_error = error; });
  }

  LoopMode mode;
  Loop& loop = mode.loop;
  std::optional<Stream> sender;
  std::optional<Stream> receiver;
  std::optional<Error> sender_error;
  std::optional<Error> receiver_error;
};

}  // namespace

TEST_SUITE("descriptors on streams") {
  TEST_CASE_TEMPLATE("each arrives with its first byte, in order, also when the kernel was full",
                     LoopMode, Standalone, Embedded) {
    // A message is "<", one of several lengths of text, ">". A descriptor comes with each "<".
    constexpr std::size_t messages = 30;
    UnixPair<LoopMode> on(Transport::unix_socket, small_buffers);
    std::vector<PassedPipe> passed(messages);
    bool queued = false;
    for (std::size_t i = 0; i < messages; ++i) {
      const std::string text((i % 3) * 20'000, 'x');
      const WriteStatus status = on.sender->write_descriptors(passed[i].give(), "<" + text + ">");
      if (i % 2) on.sender->write("<>");
      queued |= status == WriteStatus::queued;
    }
    CHECK(queued);
    on.sender->shutdown();

    std::vector<Descriptor> got;
    std::size_t begun = 0;
    std::size_t plain = 0;
    std::size_t bytes = 0;
    on.receiver->receive_descriptors(2);
    on.receiver->on_data([&](Stream::Bytes received) {
      bytes += received.size();
      for (const std::byte byte : received) {
        if (byte != std::byte{'<'}) continue;
        // After each odd message one follows that has none.
        if (begun > 0 && begun % 2 == 0 && plain < begun / 2) {
          ++plain;
          continue;
        }
        got.push_back(on.receiver->take_descriptor());
        REQUIRE(got.back());
        ++begun;
      }
    });
    run_until(on.loop, [&] { return on.receiver_error.has_value(); });
    CHECK_FALSE(*on.receiver_error);
    CHECK(bytes == 2 * messages + messages + 10 * (20'000 + 40'000));
    REQUIRE(got.size() == messages);
    CHECK_FALSE(on.receiver->take_descriptor());
    for (std::size_t i = 0; i < messages; ++i) {
      CHECK((fcntl(got[i].fd(), F_GETFD) & FD_CLOEXEC) != 0);
      const std::string name = std::to_string(i);
      CHECK(write(got[i].fd(), name.data(), name.size()) == static_cast<ssize_t>(name.size()));
      CHECK(passed[i].text() == name);
    }
    got.clear();
    for (const PassedPipe& each : passed) CHECK(each.is_closed_everywhere());
  }

  TEST_CASE("one that is not taken is closed") {
    UnixPair<Standalone> on;
    PassedPipe passed;
    SUBCASE("by the kernel, where the receiver does not expect any") {
      on.sender->write_descriptors(passed.give(), "x");
      bool received = false;
      on.receiver->on_data([&](auto) { received = true; });
      run_until(on.loop, [&] { return received; });
      CHECK_FALSE(on.receiver->take_descriptor());
    }
    SUBCASE("with the stream that received it") {
      on.sender->write_descriptors(passed.give(), "x");
      on.receiver->receive_descriptors();
      bool received = false;
      on.receiver->on_data([&](auto) { received = true; });
      run_until(on.loop, [&] { return received; });
      CHECK_FALSE(passed.is_closed_everywhere());
      on.receiver.reset();
    }
    SUBCASE("by the kernel, while it travels") {
      on.sender->write_descriptors(passed.give(), "x");
      on.receiver->receive_descriptors();
      CHECK_FALSE(passed.is_closed_everywhere());
      on.receiver.reset();
    }
    SUBCASE("with the stream that has yet to send it") {
      while (on.sender->write(Pattern::at(0)) == WriteStatus::sent) continue;
      on.sender->write_descriptors(passed.give(), "x");
      CHECK_FALSE(passed.is_closed_everywhere());
      on.sender->abort();
    }
    SUBCASE("while the receiver discards what arrives") {
      on.sender->write_descriptors(passed.give(), "x");
      on.receiver->receive_descriptors();
      on.receiver->close();
      run_until(on.loop, [&] { return passed.is_closed_everywhere(); });
    }
    CHECK(passed.is_closed_everywhere());
  }

  TEST_CASE("more than may wait end the connection, and none is left open") {
    UnixPair<Standalone> on;
    std::vector<PassedPipe> passed(3);
    on.receiver->receive_descriptors(2);
    on.receiver->on_data([](auto) {});
    for (PassedPipe& each : passed) on.sender->write_descriptors(each.give(), "x");
    run_until(on.loop, [&] { return on.receiver_error.has_value(); });
    CHECK(on.receiver_error->code == std::errc::no_buffer_space);
    CHECK(on.receiver_error->hint == "it has sent more descriptors than may wait");
    for (const PassedPipe& each : passed) CHECK(each.is_closed_everywhere());
  }

  TEST_CASE("a stream that cannot pass them fails, and closes them") {
    PassedPipe passed;
    std::vector<Descriptor> given = passed.give();
    std::errc expected{};
    Transport transport = Transport::unix_socket;
    SUBCASE("TCP ignores them") {
      transport = Transport::tcp4;
      expected = std::errc::operation_not_supported;
    }
    SUBCASE("more than a message can have") {
      for (int i = 0; i < 253; ++i) given.push_back(Descriptor::own(dup(passed.kept.fd())));
      expected = std::errc::no_buffer_space;
    }
    UnixPair<Standalone> on(transport);
    CHECK(on.sender->write_descriptors(std::move(given), "x") == WriteStatus::closed);
    CHECK(passed.is_closed_everywhere());
    run_until(on.loop, [&] { return on.sender_error.has_value(); });
    CHECK(on.sender_error->code == expected);
  }

  TEST_CASE("the most that a message can have arrive, whatever else the socket reports with them") {
    UnixPair<Standalone> on;
#ifdef SO_PASSCRED
    const int yes = 1;
    REQUIRE(setsockopt(on.receiver->socket().fd(), SOL_SOCKET, SO_PASSCRED, &yes, sizeof yes) == 0);
#endif
    const PassedPipe passed;
    std::vector<Descriptor> given;
    for (int i = 0; i < 253; ++i) given.push_back(Descriptor::own(dup(passed.kept.fd())));
    on.sender->write_descriptors(std::move(given), "x");
    on.receiver->receive_descriptors(253);
    int received = 0;
    on.receiver->on_data([&](auto) {
      while (on.receiver->take_descriptor()) ++received;
    });
    run_until(on.loop, [&] { return received > 0 || on.receiver_error; });
    CHECK(received == 253);
  }

  TEST_CASE("they wait for a stream that connects, after the bytes before them") {
    Loop loop;
    const Address address = any_address(Transport::unix_socket);
    std::optional<Stream> receiver;
    std::string text;
    std::string text_at_descriptor;
    const auto listener = reactor::Listener::listen(loop, address, [&](auto socket, auto& peer) {
      receiver.emplace(loop, std::move(socket), peer);
      receiver->receive_descriptors();
      receiver->on_data([&](Stream::Bytes bytes) {
        text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        if (receiver->take_descriptor()) text_at_descriptor = text;
      });
    });
    REQUIRE(listener);
    auto sender = Stream::connect(loop, address);
    REQUIRE(sender);
    PassedPipe passed;
    sender->write("before ");
    sender->write_descriptors(passed.give(), "with");
    sender->write(" after");
    run_until(loop, [&] { return text == "before with after"; });
    CHECK(text_at_descriptor.starts_with("before with"));
    CHECK(passed.is_closed_everywhere());
  }
}

TEST_SUITE("peer credentials") {
  TEST_CASE("of a unix socket are those of the process that connected, of others an error") {
    const auto sockets = connected_sockets(Transport::unix_socket);
    const auto peer = sockets[0].peer_credentials();
    if (!peer && peer.error().code == std::errc::operation_not_supported) {
      MESSAGE("skipped: this platform has no credentials");
      return;
    }
    REQUIRE(peer);
    CHECK(peer->user == geteuid());
    CHECK(peer->group == getegid());
    CHECK(peer->process == getpid());
    const auto alone = open_socket(reactor::Family::unix_socket);
    CHECK(alone.peer_credentials().error().code == std::errc::not_connected);
    const auto tcp = connected_sockets(Transport::tcp4);
    CHECK(tcp[0].peer_credentials().error().code == std::errc::operation_not_supported);
  }
}
