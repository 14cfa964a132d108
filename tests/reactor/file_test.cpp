#include "reactor/file.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>

#include "reactor/stream.hpp"
#include "support/child.hpp"
#include "support/loop_modes.hpp"
#include "support/peer.hpp"
#include "support/run_until.hpp"
#include "support/temporary_file.hpp"

using namespace std::chrono_literals;
using reactor::Error;
using reactor::File;
using reactor::Loop;
using reactor::Stream;
using reactor::WriteStatus;

namespace {

constexpr std::size_t mebibyte = 1024 * 1024;

struct Sending {
  explicit Sending(Loop& loop, Buffers buffers = {})
      : Sending(loop, connected_sockets(Transport::tcp4, buffers)) {}
  Sending(Loop& loop, std::array<reactor::Socket, 2> sockets)
      : stream(std::in_place, loop, std::move(sockets[0])), peer(loop, std::move(sockets[1])) {
    stream->on_close([this](const Error& error) { closed = error; });
  }

  std::optional<Stream> stream;
  Peer peer;
  std::optional<Error> closed;
};

}  // namespace

TEST_SUITE("file") {
  TEST_CASE("a file that cannot be sent is refused when it is opened, and the error names it") {
    CHECK(File::open("/no/such/file").error().message() ==
          "open /no/such/file: no such file or directory");
    CHECK(File::open("/tmp").error().code == std::errc::is_a_directory);
    const std::string fifo = unused_path();
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    CHECK(File::open(fifo).error().code == std::errc::invalid_argument);
    std::filesystem::remove(fifo);
  }

  TEST_CASE("a file knows its size, and can be moved") {
    const TemporaryFile temporary("twelve bytes");
    File file = temporary.open();
    CHECK(*file.size() == 12);
    const int fd = file.fd();
    File other = std::move(file);
    CHECK(other.fd() == fd);
    other = File();
    CHECK_FALSE(other);
    CHECK(File::own(fd).size().error().code == std::errc::bad_file_descriptor);
  }

  TEST_CASE("a file is closed with its owner, also if its descriptor is 0") {
    const ChildEnd end = in_child([] {
      const auto is_open = [] { return ::fcntl(STDIN_FILENO, F_GETFD) >= 0; };
      ::close(STDIN_FILENO);
      std::string seen;
      {
        const auto file = File::open("/etc/passwd");
        seen += is_open() ? "open, " : "not 0, ";
      }
      seen += is_open() ? "left open; " : "closed; ";
      auto file = File::open("/etc/passwd");
      *file = File();
      seen += is_open() ? "left open" : "closed";
      (void)!::write(STDOUT_FILENO, seen.data(), seen.size());
    });
    CHECK(end.printed == "open, closed; closed");
  }
}

TEST_SUITE("stream") {
  TEST_CASE_TEMPLATE("files and bytes arrive in the order in which they were written", LoopMode,
                     Standalone, Embedded) {
    constexpr std::size_t size = 5 * mebibyte;
    for (const bool slowly : {false, true}) {
      CAPTURE(slowly);
      LoopMode mode;
      Sending sending(mode.loop, slowly ? Buffers{16384, 16384} : Buffers{});
      const TemporaryFile file(Pattern::text(size));
      if (slowly) sending.peer.read_slowly(60'000);
      sending.stream->write("head ");
      sending.stream->write_file(file.open(), 0, size);
      sending.stream->write(" between ");
      sending.stream->write_file(file.open(), 7, 3);
      sending.stream->write_file(file.open(), 100, 0);
      sending.stream->write_file(file.open(), size - 9, 9);
      sending.stream->write(" tail");
      sending.stream->close(60s);
      run_until(
          mode.loop, [&] { return sending.peer.over(); }, 60s);
      const std::string text = Pattern::text(size);
      CHECK(sending.peer.received() ==
            "head " + text + " between " + text.substr(7, 3) + text.substr(size - 9) + " tail");
      CHECK(sending.peer.ended());
    }
  }

  TEST_CASE_TEMPLATE(
      "a file that the peer does not take yet causes back-pressure and costs no memory", LoopMode,
      Standalone, Embedded) {
    constexpr std::size_t size = 16 * mebibyte;
    LoopMode mode;
    Sending sending(mode.loop, {16384, 16384});
    sending.stream->set_limits({.high_water_bytes = 1000, .max_queued_bytes = 2000});
    sending.peer.hold();
    sending.peer.keep(false);
    const TemporaryFile file(Pattern::text(size));
    int drained = 0;
    sending.stream->on_drained([&] { ++drained; });
    CHECK(sending.stream->write_file(file.open(), 0, size) == WriteStatus::above_high_water);
    CHECK(sending.stream->queued_bytes() == 0);
    CHECK(sending.stream->write("after") == WriteStatus::above_high_water);
    CHECK(sending.stream->queued_bytes() == 5);
    sending.peer.read_on();
    run_until(
        mode.loop, [&] { return sending.peer.received_bytes() == size + 5; }, 60s);
    CHECK(drained == 1);
    CHECK(sending.stream->queued_bytes() == 0);
  }

  TEST_CASE_TEMPLATE("a small file in a callback is sent whole and immediately", LoopMode,
                     Standalone, Embedded) {
    LoopMode mode;
    Sending sending(mode.loop);
    const TemporaryFile file("the file");
    sending.stream->on_data([&](Stream::Bytes) {
      sending.stream->write("before, ");
      CHECK(sending.stream->write_file(file.open(), 0, 8) == WriteStatus::sent);
      sending.stream->write(", after");
    });
    sending.peer.send("go");
    run_until(mode.loop, [&] { return sending.peer.received().size() == 23; });
    CHECK(sending.peer.received() == "before, the file, after");
  }

  TEST_CASE_TEMPLATE(
      "a file shorter than announced closes the stream, and the error states where the file ends",
      LoopMode, Standalone, Embedded) {
    LoopMode mode;
    Sending sending(mode.loop);
    const TemporaryFile file("short");
    sending.stream->write_file(file.open(), 2, 10);
    run_until(mode.loop, [&] { return sending.closed.has_value(); });
    CHECK(sending.closed->hint == "it ends at byte 5, and 7 more were to be sent");
    run_until(mode.loop, [&] { return sending.peer.over(); });
    CHECK(sending.peer.received() == "ort");
  }

  TEST_CASE_TEMPLATE("a peer that closes while a file is sent causes an error, not a signal",
                     LoopMode, Standalone, Embedded) {
    LoopMode mode;
    Sending sending(mode.loop, {16384, 16384});
    sending.peer.hold();
    const TemporaryFile file(Pattern::text(8 * mebibyte));
    sending.stream->write_file(file.open(), 0, 8 * mebibyte);
    sending.peer.reset();
    run_until(mode.loop, [&] { return sending.closed.has_value(); });
    CHECK(*sending.closed);
    CHECK(sending.stream->write_file(file.open(), 0, 1) == WriteStatus::closed);

    Sending again(mode.loop);
    again.peer.reset();
    again.stream->write_file(file.open(), 0, 8 * mebibyte);
    run_until(mode.loop, [&] { return again.closed.has_value(); });
    CHECK(*again.closed);
  }

  TEST_CASE_TEMPLATE("a stream may be destroyed while a file is sent", LoopMode, Standalone,
                     Embedded) {
    LoopMode mode;
    Sending sending(mode.loop);
    sending.peer.keep(false);
    const TemporaryFile file(Pattern::text(8 * mebibyte));
    sending.stream->write_file(file.open(), 0, 8 * mebibyte);
    run_until(mode.loop, [&] { return sending.peer.received_bytes() > 0; });
    sending.stream.reset();
    run_until(mode.loop, [&] { return sending.peer.over(); });
    CHECK(sending.peer.matches_pattern());
  }
}
