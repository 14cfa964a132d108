#include "reactor/serve_on_threads.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include "reactor/server.hpp"
#include "support/child.hpp"
#include "support/peer.hpp"
#include "support/result.hpp"

using reactor::Address;
using reactor::Failure;
using reactor::Loop;
using reactor::Result;
using reactor::Stream;
using reactor::system_error;

namespace {

struct EchoSession {
  Stream& stream;
  void on_data(Stream::Bytes bytes) { stream.write(bytes); }
};

// Immovable, like a site that other objects refer to.
struct EchoSite {
  explicit EchoSite(Loop& on) : loop(on) {}
  EchoSite(const EchoSite&) = delete;
  EchoSite& operator=(const EchoSite&) = delete;

  Result<Address> listen(const std::string& endpoint) {
    const bool shared = !endpoint.starts_with("unix:");
    auto server =
        reactor::Server<EchoSession>::listen(loop, endpoint, {.listen = {.reuse_port = shared}});
    if (!server) return Failure(server.error());
    servers.push_back(std::move(*server));
    return servers.back().address();
  }
  void drain() {
    for (auto& server : servers) server.drain();
  }

  Loop& loop;
  std::vector<reactor::Server<EchoSession>> servers;
};

// Runs `body` in a process of its own, which the signals end. Returns its output.
std::string served_in_child(const std::function<void()>& body) {
  const ChildEnd end = in_child(body);
  CHECK(end.succeeded());
  return end.printed;
}

void print_now(const std::string& text) { (void)!write(STDOUT_FILENO, text.data(), text.size()); }

bool echoes(const Address& address) {
  const auto client = connect_to(address);
  char letter = 'x';
  if (write(client.fd(), &letter, 1) != 1) return false;
  pollfd wanted{client.fd(), POLLIN, 0};
  return poll(&wanted, 1, 20'000) == 1 && read(client.fd(), &letter, 1) == 1 && letter == 'x';
}

}  // namespace

TEST_SUITE("serve_on_threads") {
  TEST_CASE("every thread listens on the same port, and a signal ends them all") {
    CHECK(served_in_child([] {
            std::mutex mutex;
            std::set<std::uint16_t> ports;
            std::set<std::thread::id> threads;
            std::jthread client;
            struct Noting : EchoSite {
              Noting(Loop& on, std::mutex& guard, std::set<std::uint16_t>& to)
                  : EchoSite(on), mutex(guard), ports(to) {}
              Result<Address> listen(const std::string& endpoint) {
                auto address = EchoSite::listen(endpoint);
                const std::lock_guard lock(mutex);
                if (address) ports.insert(address->port());
                return address;
              }
              std::mutex& mutex;
              std::set<std::uint16_t>& ports;
            };
            ok(reactor::serve_on_threads(
                {"127.0.0.1:0"}, 3,
                [&](Loop& loop) {
                  const std::lock_guard lock(mutex);
                  threads.insert(std::this_thread::get_id());
                  return Noting(loop, mutex, ports);
                },
                [&](const std::vector<Address>& addresses) {
                  client = std::jthread([addresses] {
                    for (int i = 0; i < 20; ++i) {
                      if (!echoes(addresses.front())) print_now("no echo ");
                    }
                    kill(getpid(), SIGTERM);
                  });
                }));
            print_now(std::to_string(threads.size()) + " threads, " + std::to_string(ports.size()) +
                      " port");
          }) == "3 threads, 1 port");
  }

  TEST_CASE(
      "several endpoints are reported in order, and only the first thread has a unix socket") {
    CHECK(served_in_child([] {
            const std::string path = unused_path();
            std::jthread client;
            ok(reactor::serve_on_threads(
                {"unix:" + path, "localhost:0"}, 2, [](Loop& loop) { return EchoSite(loop); },
                [&](const std::vector<Address>& addresses) {
                  client = std::jthread([addresses] {
                    for (const Address& address : addresses) {
                      print_now(echoes(address) ? address.family() == reactor::Family::unix_socket
                                                      ? "unix "
                                                      : "tcp "
                                                : "no echo ");
                    }
                    kill(getpid(), SIGINT);
                  });
                }));
            unlink(path.c_str());
          }) == "unix tcp ");
  }

  TEST_CASE("an error of the first thread or of another one ends all threads and is returned") {
    struct Failing : EchoSite {
      Failing(Loop& on, int of, std::atomic<int>& count)
          : EchoSite(on), failing(of), listens(count) {}
      Result<Address> listen(const std::string& endpoint) {
        if (listens++ == failing) return Failure(system_error(EACCES, "listen on", "there"));
        return EchoSite::listen(endpoint);
      }
      const int failing;
      std::atomic<int>& listens;
    };
    for (const int failing : {0, 1, 2}) {
      CAPTURE(failing);
      const std::string before = failing == 0 ? "" : "listening, ";
      CHECK(served_in_child([failing] {
              std::atomic<int> listens = 0;
              print_now(failure(reactor::serve_on_threads(
                  {"127.0.0.1:0"}, 3, [&](Loop& loop) { return Failing(loop, failing, listens); },
                  [](const auto&) { print_now("listening, "); })));
            }) == before + "listen on there: permission denied");
    }
  }

  TEST_CASE("an exception of make_site on any thread is rethrown, and no thread is left waiting") {
    for (const int failing : {0, 1, 2}) {
      CAPTURE(failing);
      CHECK(served_in_child([failing] {
              std::atomic<int> sites = 0;
              try {
                ok(reactor::serve_on_threads({"127.0.0.1:0"}, 3, [&](Loop& loop) {
                  if (sites++ == failing) throw std::runtime_error("no site");
                  return EchoSite(loop);
                }));
              } catch (const std::runtime_error& error) {
                print_now(error.what());
              }
            }) == "no site");
    }
  }

  TEST_CASE("without endpoints it returns immediately") {
    CHECK(served_in_child([] {
            ok(reactor::serve_on_threads({}, 2, [](Loop& loop) { return EchoSite(loop); }));
          }).empty());
  }
}
