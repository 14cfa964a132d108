// Watcher and wait_any report what poll(2) reports, for each kind of descriptor in each state.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pty.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "reactor/timer.hpp"
#include "reactor/wait_any.hpp"
#include "reactor/watcher.hpp"
#include "support/loop_modes.hpp"
#include "support/peer.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"

using namespace std::chrono_literals;
using reactor::Interest;
using reactor::Loop;
using reactor::Ready;
using reactor::Watcher;

namespace {

// False if the library uses uv_poll_t, which reports neither failed alone nor hung_up.
bool has_epoll() {
  Loop loop;
  std::array<int, 2> ends{};
  REQUIRE(pipe(ends.data()) == 0);
  const bool has = Watcher::create(
                       loop, ends[0], Interest::readable, [](Ready) {}, reactor::Trigger::edge)
                       .has_value();
  close(ends[0]);
  close(ends[1]);
  return has;
}

// A descriptor in a state, and the other end; -1 if it is closed or does not exist.
struct Subject {
  int fd = -1;
  int other = -1;

  void close_other() { close(std::exchange(other, -1)); }
  void close_all() {
    if (fd >= 0) close(std::exchange(fd, -1));
    if (other >= 0) close_other();
  }
};

struct Case {
  std::string name;
  std::function<Subject()> make;
};

void set_nonblocking(int fd) { REQUIRE(fcntl(fd, F_SETFL, O_NONBLOCK) == 0); }

void fill_once(int fd) {
  const std::array<char, 4096> bytes{};
  while (write(fd, bytes.data(), bytes.size()) > 0) {
  }
  while (write(fd, bytes.data(), 1) > 0) {
  }
}

// A kernel thread passes the bytes of a pseudo-terminal on, which makes room again for a while.
void fill(int fd) {
  pollfd writable{fd, POLLOUT, 0};
  constexpr int settled_after_ms = 200;
  do {
    fill_once(fd);
  } while (isatty(fd) && ::poll(&writable, 1, settled_after_ms) == 1);
}

void send_text(int fd) { REQUIRE(write(fd, "text", 4) == 4); }

Subject new_pipe(bool reader) {
  int ends[2];
  REQUIRE(pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0);
  return reader ? Subject{ends[0], ends[1]} : Subject{ends[1], ends[0]};
}

Subject new_fifo(bool reader) {
  const std::string path = unused_path();
  REQUIRE(mkfifo(path.c_str(), 0600) == 0);
  const int in = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  const int out = open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
  REQUIRE((in >= 0 && out >= 0));
  unlink(path.c_str());
  return reader ? Subject{in, out} : Subject{out, in};
}

Subject new_pty(bool master) {
  int main_end, terminal;
  REQUIRE(openpty(&main_end, &terminal, nullptr, nullptr, nullptr) == 0);
  termios settings{};
  tcgetattr(terminal, &settings);
  cfmakeraw(&settings);
  tcsetattr(terminal, TCSANOW, &settings);
  set_nonblocking(main_end);
  set_nonblocking(terminal);
  return master ? Subject{main_end, terminal} : Subject{terminal, main_end};
}

Subject new_socketpair(int type) {
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
  return {ends[0], ends[1]};
}

Subject new_tcp() {
  auto sockets = connected_sockets(Transport::tcp4);
  return {sockets[0].release(), sockets[1].release()};
}

void reset(int fd) {
  const linger at_once{1, 0};
  REQUIRE(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
}

// The states of any object with two ends.
void add_states(std::vector<Case>& cases, const std::string& name,
                const std::function<Subject()>& make, bool reads, bool writes) {
  const auto add = [&](const std::string& state, const std::function<void(Subject&)>& change) {
    cases.push_back({name + ", " + state, [make, change] {
                       Subject subject = make();
                       change(subject);
                       return subject;
                     }});
  };
  add("as made", [](Subject&) {});
  add("other end closed", [](Subject& subject) { subject.close_other(); });
  if (reads) {
    add("data", [](Subject& subject) { send_text(subject.other); });
    add("data, other end closed", [](Subject& subject) {
      send_text(subject.other);
      subject.close_other();
    });
  }
  if (writes) {
    add("full", [](Subject& subject) { fill(subject.fd); });
    add("full, other end closed", [](Subject& subject) {
      fill(subject.fd);
      subject.close_other();
    });
  }
}

void add_socket_states(std::vector<Case>& cases, const std::string& name,
                       const std::function<Subject()>& make) {
  for (const auto& [text, how, mine] : {std::tuple{"own end shut", SHUT_WR, true},
                                        {"own both shut", SHUT_RDWR, true},
                                        {"other's end shut", SHUT_WR, false},
                                        {"other's both shut", SHUT_RDWR, false}}) {
    cases.push_back({name + ", " + text, [make, how = how, mine = mine] {
                       const Subject subject = make();
                       shutdown(mine ? subject.fd : subject.other, how);
                       return subject;
                     }});
  }
}

std::vector<Case> cases() {
  std::vector<Case> all;
  add_states(
      all, "read end of a pipe", [] { return new_pipe(true); }, true, false);
  add_states(
      all, "write end of a pipe", [] { return new_pipe(false); }, false, true);
  add_states(
      all, "read end of a fifo", [] { return new_fifo(true); }, true, false);
  add_states(
      all, "write end of a fifo", [] { return new_fifo(false); }, false, true);
  add_states(
      all, "master of a pty", [] { return new_pty(true); }, true, true);
  add_states(
      all, "slave of a pty", [] { return new_pty(false); }, true, true);
  for (const auto& [name, type] :
       {std::pair{"stream pair", SOCK_STREAM}, {"packet pair", SOCK_SEQPACKET}}) {
    const auto make = [type = type] { return new_socketpair(type); };
    add_states(all, name, make, true, true);
    add_socket_states(all, name, make);
  }
  add_states(
      all, "datagram pair", [] { return new_socketpair(SOCK_DGRAM); }, true, false);
  add_states(all, "tcp", new_tcp, true, true);
  add_socket_states(all, "tcp", new_tcp);
  all.push_back({"tcp, reset by the other end", [] {
                   Subject subject = new_tcp();
                   reset(subject.other);
                   subject.close_other();
                   return subject;
                 }});
  all.push_back({"tcp, reset with data", [] {
                   Subject subject = new_tcp();
                   send_text(subject.other);
                   reset(subject.other);
                   subject.close_other();
                   return subject;
                 }});
  all.push_back({"tcp, urgent data", [] {
                   const Subject subject = new_tcp();
                   REQUIRE(send(subject.other, "!", 1, MSG_OOB) == 1);
                   return subject;
                 }});
  all.push_back({"tcp, never connected", [] {
                   return Subject{socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), -1};
                 }});
  all.push_back({"tcp, connection refused", [] {
                   auto listening = listening_socket(Transport::tcp4);
                   const auto address = *listening.local_address();
                   listening = {};
                   const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
                   (void)connect(fd, address.data(), address.size());
                   return Subject{fd, -1};
                 }});
  for (const auto transport : {Transport::tcp4, Transport::unix_socket}) {
    all.push_back({"listening socket", [transport] {
                     return Subject{listening_socket(transport).release(), -1};
                   }});
    all.push_back({"listening socket with a connection", [transport] {
                     auto listening = listening_socket(transport);
                     auto client = connect_to(*listening.local_address());
                     return Subject{listening.release(), client.release()};
                   }});
  }
  all.push_back({"eventfd, zero", [] { return Subject{eventfd(0, EFD_NONBLOCK), -1}; }});
  all.push_back({"eventfd, one", [] { return Subject{eventfd(1, EFD_NONBLOCK), -1}; }});
  all.push_back({"eventfd, full", [] {
                   const Subject subject{eventfd(0, EFD_NONBLOCK), -1};
                   const std::uint64_t most = UINT64_MAX - 1;
                   REQUIRE(write(subject.fd, &most, sizeof most) == sizeof most);
                   return subject;
                 }});
  return all;
}

// The result of select and poll for these interests.
Ready by_poll(int fd, Interest interest) {
  pollfd entry{};
  entry.fd = fd;
  if (interest & Interest::readable) entry.events |= POLLIN;
  if (interest & Interest::writable) entry.events |= POLLOUT;
  if (interest & Interest::priority) entry.events |= POLLPRI;
  if (interest & Interest::peer_closed) entry.events |= POLLRDHUP;
  (void)poll(&entry, 1, 0);
  const auto has = [&](int event) { return (entry.revents & event) != 0; };
  const bool over = has(POLLHUP | POLLERR);
  return {.readable = has(POLLIN) || (over && interest & Interest::readable),
          .writable = has(POLLOUT) || (over && interest & Interest::writable),
          .priority = has(POLLPRI),
          .failed = has(POLLERR),
          .hung_up = has(POLLHUP),
          .peer_closed = has(POLLRDHUP)};
}

std::string text(const Ready& ready) {
  std::string words;
  if (ready.readable) words += " readable";
  if (ready.writable) words += " writable";
  if (ready.priority) words += " priority";
  if (ready.failed) words += " failed";
  if (ready.hung_up) words += " hung_up";
  if (ready.peer_closed) words += " peer_closed";
  return words;
}

// The part that every poller reports.
std::string comparable(Ready ready, bool epoll) {
  if (!epoll) {
    // uv_poll_t reports an error as readiness for every requested interest.
    ready.failed = ready.hung_up = ready.priority = ready.peer_closed = false;
  }
  return text(ready);
}

constexpr Interest readable = Interest::readable, writable = Interest::writable;
const std::array interests = {readable, writable, readable | writable,
                              readable | Interest::peer_closed, readable | Interest::priority};

}  // namespace

TEST_SUITE("poll_table") {
  TEST_CASE_TEMPLATE("a Watcher and wait_any report the same as poll, and as long as poll does",
                     LoopMode, Standalone, Embedded) {
    const bool epoll = has_epoll();
    for (const Case& row : cases()) {
      CAPTURE(row.name);
      for (const Interest interest : interests) {
        CAPTURE(static_cast<int>(interest));
        if (!epoll && interest & Interest::priority) continue;
        LoopMode mode;
        Loop& loop = mode.loop;
        Subject subject = row.make();
        const std::string expected = comparable(by_poll(subject.fd, interest), epoll);

        int calls = 0;
        std::string watched, waited;
        {
          const auto watcher = ok(Watcher::create(loop, subject.fd, interest, [&](Ready ready) {
            ++calls;
            watched = comparable(ready, epoll);
          }));
          for (int i = 0; i < 4; ++i) loop.poll();
        }
        const bool ends_by_itself = row.name == "tcp, connection refused";
        // Of a hang-up, uv_poll_t omits one of the two events that poll reports, but never both.
        const bool exact = epoll || expected != " readable writable";
        CHECK((exact ? watched == expected : watched.empty() == expected.empty()));
        if (expected.empty()) CHECK(calls == 0);
        if (!expected.empty() && !ends_by_itself) CHECK(calls >= 2);

        const std::array waits{reactor::WaitFor{subject.fd, interest}};
        const std::string expected_again = comparable(by_poll(subject.fd, interest), epoll);
        const auto wait = ok(reactor::wait_any(loop, waits, std::nullopt, [&](auto ready) {
          for (const auto& [fd, how] : ready) waited = comparable(how, epoll);
        }));
        for (int i = 0; i < 4; ++i) loop.poll();
        CHECK((exact ? waited == expected_again : waited.empty() == expected_again.empty()));
        subject.close_all();
      }
    }
  }

  TEST_CASE_TEMPLATE("a callback that reads to the end and destroys the Watcher is called once",
                     LoopMode, Standalone, Embedded) {
    LoopMode mode;
    Subject subject = new_pipe(true);
    send_text(subject.other);
    subject.close_other();
    int calls = 0;
    bool ended = false;
    std::optional<Watcher> watcher;
    watcher = ok(Watcher::create(mode.loop, subject.fd, readable, [&](Ready ready) {
      ++calls;
      std::array<char, 64> buffer;
      if (!ready.readable || read(subject.fd, buffer.data(), buffer.size()) > 0) return;
      ended = true;
      watcher.reset();
    }));
    run_until(mode.loop, [&] { return ended; });
    for (int i = 0; i < 3; ++i) mode.loop.poll();
    CHECK(calls == 2);
    subject.close_all();
  }
}
