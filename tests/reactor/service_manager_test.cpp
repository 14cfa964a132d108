#include "reactor/service_manager.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "reactor/datagram.hpp"
#include "reactor/server.hpp"
#include "reactor/timer.hpp"
#include "support/child.hpp"
#include "support/run_until.hpp"

using namespace reactor;
using namespace std::chrono_literals;

namespace {

// Sets the environment only in a child, so that no other test reads it.
std::string printed_by(const std::function<void()>& body) {
  std::fflush(stdout);
  const ChildEnd end = in_child([&] {
    try {
      body();
    } catch (const std::exception& thrown) {
      std::printf("threw %s\n", thrown.what());
    }
    std::fflush(stdout);
  });
  CHECK_MESSAGE(end.succeeded(), end.printed);
  return end.printed;
}

// The socket of a manager, with a name that the kernel chooses.
class Manager {
 public:
  Manager() {
    socket_ = Socket::open(Family::unix_socket, SocketType::datagram).value();
    const sockaddr unnamed{.sa_family = AF_UNIX, .sa_data = {}};
    REQUIRE(::bind(socket_.fd(), &unnamed, sizeof unnamed.sa_family) == 0);
    const std::string name = socket_.local_address()->to_string();  // unix:@NAME
    setenv("NOTIFY_SOCKET", name.substr(name.find('@')).c_str(), 1);
  }

  // The next report, and the descriptor that arrived with it, or -1.
  std::string next(int* fd = nullptr) {
    char text[1000], control[CMSG_SPACE(sizeof(int))];
    iovec part{text, sizeof text};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t size = recvmsg(socket_.fd(), &message, MSG_DONTWAIT);
    if (fd) *fd = -1;
    if (cmsghdr* header = CMSG_FIRSTHDR(&message); header && fd && size >= 0) {
      std::memcpy(fd, CMSG_DATA(header), sizeof *fd);
    }
    return size < 0 ? "nothing" : std::string(text, static_cast<std::size_t>(size));
  }

  [[nodiscard]] int fd() const { return socket_.fd(); }

 private:
  Socket socket_;
};

struct Repeater {
  Stream& stream;
  void on_data(std::span<const std::byte> bytes) { stream.write(bytes); }
};

Socket listening() {
  Socket socket = Socket::open(Family::ipv4, SocketType::stream).value();
  REQUIRE(socket.bind(*Address::parse("127.0.0.1:0")));
  REQUIRE(::listen(socket.fd(), 10) == 0);
  // Away from the numbers that pass() uses.
  return Socket::own(fcntl(socket.fd(), F_DUPFD_CLOEXEC, 100));
}

// Passes these descriptors, as a manager does before it starts the program.
void pass(const std::vector<int>& descriptors, const char* names) {
  std::vector<int> apart;
  for (const int fd : descriptors) apart.push_back(fcntl(fd, F_DUPFD, 100));
  for (std::size_t i = 0; i < apart.size(); ++i) dup2(apart[i], 3 + static_cast<int>(i));
  setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
  setenv("LISTEN_FDS", std::to_string(descriptors.size()).c_str(), 1);
  names ? setenv("LISTEN_FDNAMES", names, 1) : unsetenv("LISTEN_FDNAMES");
}

void print_passed() {
  const auto passed = take_passed_sockets();
  if (!passed) {
    std::printf("%s\n", passed.error().message().c_str());
    return;
  }
  for (const PassedSocket& each : *passed) {
    std::printf("%d '%s' close-on-exec %d\n", each.socket.fd(), each.name.c_str(),
                fcntl(each.socket.fd(), F_GETFD) & FD_CLOEXEC);
  }
}

}  // namespace

TEST_SUITE("service manager") {
  TEST_CASE("sockets are taken over once, with their names") {
    CHECK(printed_by([] {
            const Socket first = listening(), second = listening();
            pass({first.fd(), second.fd()}, "http:");
            print_passed();
            print_passed();
            if (std::getenv("LISTEN_FDS") || std::getenv("LISTEN_PID")) std::printf("kept\n");
          }) == "3 'http' close-on-exec 1\n4 '' close-on-exec 1\n");
  }

  TEST_CASE("sockets for another process, and invalid numbers, are ignored") {
    CHECK(printed_by([] {
            const Socket first = listening();
            pass({first.fd()}, nullptr);
            setenv("LISTEN_PID", "1", 1);
            print_passed();
            for (const char* count : {"", "x", "-1", "0", "1x", "99999999999"}) {
              pass({first.fd()}, nullptr);
              setenv("LISTEN_FDS", count, 1);
              print_passed();
            }
          }).empty());
  }

  TEST_CASE("a descriptor that is no socket is an error, and all stay open") {
    CHECK(printed_by([] {
            const Socket first = listening();
            const int file = open("/dev/null", O_RDONLY);
            pass({first.fd(), file}, "http:file");
            print_passed();
            std::printf("%d %d\n", fcntl(3, F_GETFD) >= 0, fcntl(4, F_GETFD) >= 0);
          }).ends_with("1 1\n"));
  }

  TEST_CASE("a server serves on a socket that was passed") {
    CHECK(printed_by([] {
            {
              const Socket socket = listening();
              pass({socket.fd()}, "echo");
            }
            Loop loop;
            auto passed = take_passed_sockets();
            auto server = Server<Repeater>::adopt(loop, std::move(passed->front().socket), {},
                                                  [](Stream& stream) { return Repeater{stream}; })
                              .value();
            Stream client = Stream::connect(loop, server.address()).value();
            client.write("hello");
            client.on_data([&](std::span<const std::byte> bytes) {
              std::printf("%.*s\n", static_cast<int>(bytes.size()),
                          reinterpret_cast<const char*>(bytes.data()));
              loop.stop();
            });
            loop.run();
          }) == "hello\n");
  }

  TEST_CASE("without a manager every report succeeds and does nothing") {
    CHECK(printed_by([] {
            unsetenv("NOTIFY_SOCKET");
            Loop loop;
            auto manager = ServiceManager::connect(loop).value();
            if (!manager.is_present() && manager.ready() && manager.status("x") &&
                manager.stopping() && manager.store("a", 0) && manager.forget("a")) {
              std::printf("fine\n");
            }
            loop.run();  // It does not keep the loop running.
          }) == "fine\n");
  }

  TEST_CASE("reports are datagrams, and a status stays one line") {
    CHECK(printed_by([] {
            Manager manager;
            Loop loop;
            auto own = ServiceManager::connect(loop).value();
            (void)own.ready("serving\nREADY=0");
            (void)own.status("busy");
            (void)own.stopping();
            for (int i = 0; i < 4; ++i) std::printf("%s;", manager.next().c_str());
          }) == "READY=1\nSTATUS=serving READY=0;STATUS=busy;STOPPING=1;nothing;");
  }

  TEST_CASE("a descriptor is stored under a name that cannot be mistaken") {
    CHECK(printed_by([] {
            Manager manager;
            Loop loop;
            auto own = ServiceManager::connect(loop).value();
            const Socket socket = listening();
            (void)own.store("http", socket.fd());
            int fd = -1;
            std::printf("%s;", manager.next(&fd).c_str());
            const auto stored = Socket::adopt(fd);
            std::printf("%d;", stored->local_address()->port() == socket.local_address()->port());
            (void)own.forget("http");
            std::printf("%s;", manager.next(&fd).c_str());
            for (const std::string& wrong :
                 {std::string(), std::string("a:b"), std::string("a\nb"), std::string(256, 'a')}) {
              if (own.store(wrong, 0) || own.forget(wrong)) std::printf("accepted");
            }
            if (own.store("a", -1)) std::printf("accepted");
            std::printf("%s", manager.next().c_str());
          }) == "FDSTORE=1\nFDNAME=http;1;FDSTOREREMOVE=1\nFDNAME=http;nothing");
  }

  TEST_CASE("the watchdog is notified while the loop runs, twice in its time") {
    CHECK(printed_by([] {
            Manager manager;
            setenv("WATCHDOG_USEC", "20000", 1);
            setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
            Loop loop;
            const auto began = std::chrono::steady_clock::now();
            const auto own = ServiceManager::connect(loop).value();
            int reports = 0;
            run_until(loop, [&] {
              std::string text = manager.next();
              if (text == "WATCHDOG=1") ++reports;
              return reports == 3;
            });
            if (std::chrono::steady_clock::now() - began < 30ms) std::printf("too early\n");
          }).empty());
  }

  TEST_CASE("a watchdog of another process is not notified, and no number is an error") {
    CHECK(printed_by([] {
            Manager manager;
            setenv("WATCHDOG_USEC", "1", 1);
            setenv("WATCHDOG_PID", "1", 1);
            Loop loop;
            {
              const auto own = ServiceManager::connect(loop).value();
              const auto timer = Timer::after(loop, 5ms, [] {});
              loop.run();
            }
            std::printf("%s;", manager.next().c_str());
            unsetenv("WATCHDOG_PID");
            for (const char* wrong : {"x", "0", "-1"}) {
              setenv("WATCHDOG_USEC", wrong, 1);
              std::printf("%s;", ServiceManager::connect(loop).error().message().c_str());
            }
          }) ==
          "nothing;read WATCHDOG_USEC x: invalid argument;read WATCHDOG_USEC 0: invalid "
          "argument;read WATCHDOG_USEC -1: invalid argument;");
  }

  TEST_CASE("a manager that no longer exists is an error that names it") {
    CHECK(printed_by([] {
            Loop loop;
            std::optional<Manager> manager(std::in_place);
            auto own = ServiceManager::connect(loop).value();
            manager.reset();
            std::printf("%d;", own.ready().error().code == std::errc::connection_refused);
            setenv("NOTIFY_SOCKET", "nonsense", 1);
            std::printf("%s", ServiceManager::connect(loop).error().message().c_str());
          }) == "1;connect service manager nonsense: invalid argument");
  }
}
