#include "reactor/watcher.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/run_until.hpp"

using reactor::Interest;
using reactor::Loop;
using reactor::Ready;
using reactor::Trigger;
using reactor::Watcher;

namespace {

// Two connected sockets, closed with the pair.
struct Pair {
  Pair() { REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds.data()) == 0); }
  ~Pair() {
    close(fds[0]);
    close(fds[1]);
  }
  void send(std::string_view text) const {
    REQUIRE(write(fds[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  std::string receive(std::size_t most) const {
    std::string text(most, '\0');
    const ssize_t size = read(fds[0], text.data(), text.size());
    text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return text;
  }
  std::array<int, 2> fds;
};

Watcher watch(Loop& loop, int fd, Interest interest, reactor::Callback<void(Ready)> on_ready,
              Trigger trigger = Trigger::level) {
  auto watcher = Watcher::create(loop, fd, interest, std::move(on_ready), trigger);
  REQUIRE(watcher);
  return std::move(*watcher);
}

// False if the library uses uv_poll_t.
bool has_edge_trigger() {
  Loop loop;
  const Pair pair;
  const auto watcher = Watcher::create(
      loop, pair.fds[0], Interest::readable, [](Ready) {}, Trigger::edge);
  if (!watcher) CHECK(watcher.error().code == std::errc::operation_not_supported);
  return watcher.has_value();
}

}  // namespace

TEST_SUITE("watcher") {
  TEST_CASE("with a level trigger unread data is reported again") {
    Loop loop;
    const Pair pair;
    std::string seen;
    const auto watcher = watch(loop, pair.fds[0], Interest::readable, [&](Ready ready) {
      CHECK(ready.readable);
      CHECK_FALSE(ready.writable);
      seen += pair.receive(1);
    });
    pair.send("abc");
    run_until(loop, [&] { return seen == "abc"; });
  }

  TEST_CASE("an edge is reported once for each arrival") {
    if (!has_edge_trigger()) return;
    Loop loop;
    const Pair pair;
    int calls = 0;
    const auto watcher = watch(
        loop, pair.fds[0], Interest::readable, [&](Ready) { ++calls; }, Trigger::edge);
    pair.send("abc");
    loop.run_once();
    loop.poll();
    CHECK(calls == 1);
    pair.send("d");
    loop.run_once();
    CHECK(calls == 2);
  }

  TEST_CASE("a one-shot watcher does not call again until its interest is set again") {
    Loop loop;
    const Pair pair;
    int calls = 0;
    auto watcher = watch(
        loop, pair.fds[0], Interest::readable, [&](Ready) { ++calls; }, Trigger::oneshot);
    pair.send("abc");
    loop.run_once();
    loop.poll();
    CHECK(calls == 1);
    CHECK(watcher.interest() == Interest::none);
    watcher.set_interest(Interest::readable);
    loop.run_once();
    loop.poll();
    CHECK(calls == 2);
  }

  TEST_CASE("several watchers of one descriptor each have their own interest and trigger") {
    Loop loop;
    const Pair pair;
    int levels = 0, edges = 0, writables = 0;
    const auto level = watch(loop, pair.fds[0], Interest::readable,
                             [&](Ready ready) { levels += ready.readable; });
    auto edge = std::optional(watch(
        loop, pair.fds[0], Interest::readable, [&](Ready) { ++edges; },
        has_edge_trigger() ? Trigger::edge : Trigger::oneshot));
    const auto writable = watch(
        loop, pair.fds[0], Interest::writable, [&](Ready ready) { writables += ready.writable; },
        Trigger::oneshot);
    pair.send("x");
    run_until(loop, [&] { return levels >= 3; });
    CHECK(edges == 1);
    CHECK(writables == 1);
    edge.reset();
    pair.send("y");
    const int before = levels;
    run_until(loop, [&] { return levels > before; });
    CHECK(edges == 1);
  }

  TEST_CASE("a watcher without interest does not call, even if its peer hangs up") {
    Loop loop;
    std::optional<Pair> pair(std::in_place);
    int calls = 0;
    auto watcher = watch(loop, pair->fds[0], Interest::readable, [&](Ready) { ++calls; });
    watcher.set_interest(Interest::none);
    pair->send("abc");
    shutdown(pair->fds[1], SHUT_RDWR);
    loop.poll();
    loop.poll();
    CHECK(calls == 0);
    watcher.set_interest(Interest::readable);
    loop.poll();
    CHECK(calls == 1);
  }

  TEST_CASE("a hang-up reports which directions have ended") {
    Loop loop;
    const Pair pair;
    Ready last;
    const auto watcher = watch(loop, pair.fds[0], Interest::readable | Interest::peer_closed,
                               [&](Ready ready) { last = ready; });
    shutdown(pair.fds[1], SHUT_WR);
    loop.run_once();
    CHECK(last.peer_closed);
    CHECK(last.readable);
    CHECK_FALSE(last.hung_up);
    shutdown(pair.fds[1], SHUT_RD);
    shutdown(pair.fds[0], SHUT_WR);
    loop.run_once();
    CHECK((last.hung_up || !has_edge_trigger()));  // libuv reports only the peer's end.
  }

  TEST_CASE("no callback is called after a watcher is destroyed, from any callback") {
    Loop loop;
    const Pair first, second;
    int calls = 0;
    std::optional<Watcher> one, two;
    const auto destroy_both = [&](Ready) {
      ++calls;
      one.reset();
      two.reset();
    };
    one = watch(loop, first.fds[0], Interest::readable, destroy_both);
    two = watch(loop, second.fds[0], Interest::readable, destroy_both);
    first.send("x");
    second.send("x");
    loop.run();
    CHECK(calls == 1);
  }

  TEST_CASE("an event for a descriptor that was closed and reused in the same batch is dropped") {
    Loop loop;
    Pair first, second;
    std::optional<Watcher> one, two, fresh;
    int reused = -1, fresh_calls = 0;
    const auto replace_other = [&](std::optional<Watcher>& mine, std::optional<Watcher>& other,
                                   Pair& pair) {
      if (reused >= 0) return;
      reused = pair.fds[0];
      other.reset();
      mine.reset();
      close(pair.fds[0]);
      // The number that has an event pending is used again.
      REQUIRE(dup2(pair.fds[1], reused) == reused);
      fresh = watch(loop, reused, Interest::readable, [&](Ready) { ++fresh_calls; });
    };
    one = watch(loop, first.fds[0], Interest::readable,
                [&](Ready) { replace_other(one, two, second); });
    two = watch(loop, second.fds[0], Interest::readable,
                [&](Ready) { replace_other(two, one, first); });
    first.send("x");
    second.send("x");
    loop.run_once();
    loop.poll();
    CHECK(reused >= 0);
    CHECK(fresh_calls <= 1);  // At most its own hang-up, never the data of the old descriptor.
  }

  TEST_CASE("a descriptor that cannot be watched is an error of create") {
    Loop loop;
    const int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    const auto regular = Watcher::create(loop, file, Interest::readable, [](Ready) {});
    REQUIRE_FALSE(regular);
    CHECK(regular.error().message() ==
          "watch descriptor " + std::to_string(file) +
              ": operation not permitted (a regular file is always ready: just read it)");
    close(file);
    const auto closed = Watcher::create(loop, file, Interest::readable, [](Ready) {});
    REQUIRE_FALSE(closed);
    CHECK(closed.error().code == std::errc::bad_file_descriptor);
  }
}
