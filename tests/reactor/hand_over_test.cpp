#include "reactor/hand_over.hpp"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <future>
#include <list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "reactor/listener.hpp"
#include "reactor/serve_on_threads.hpp"
#include "reactor/server.hpp"
#include "reactor/udp_server.hpp"
#include "support/child.hpp"
#include "support/peer.hpp"
#include "support/result.hpp"
#include "support/run_until.hpp"

using namespace std::chrono_literals;
using reactor::Address;
using reactor::HandOver;
using reactor::Loop;
using reactor::Socket;
using reactor::Stream;

namespace {

struct HandedEcho {
  Stream& stream;
  void on_data(Stream::Bytes bytes) { stream.write(bytes); }
};

struct HandedDatagrams {
  reactor::UdpPeer& peer;
  void on_datagram(const reactor::Datagram& datagram) { peer.send(datagram.bytes); }
};

using HandedServer = reactor::Server<HandedEcho>;
using HandedUdpServer = reactor::UdpServer<HandedDatagrams>;

// Whether the system keeps the credentials of peers; without them there is no hand-over.
bool is_supported() {
  Loop loop;
  const auto first = HandOver::join(loop, "unix:" + unused_path());
  if (first) return true;
  REQUIRE(first.error().code == std::errc::operation_not_supported);
  MESSAGE("skipped: this platform has no credentials");
  return false;
}

// A server on TCP, UDP and a unix socket, in a thread in place of a process.
class Generation {
 public:
  explicit Generation(const std::string& path, reactor::Duration deadline = 1h)
      : thread_([this, path, deadline] { serve(path, deadline); }) {
    started_.get_future().get();
  }
  ~Generation() {
    if (thread_.joinable()) end();
  }

  // Ends in order. Returns how many connections it has cut off.
  std::size_t end() {
    loop_->post([this] {
      for (HandedServer& server : servers_) server.drain(1h);
      udp_->drain();
      hand_over_.reset();
    });
    return join();
  }
  // Its successor has all; waits until its own connections have ended.
  std::size_t join() {
    thread_.join();
    return cut_off_;
  }

  Address tcp, udp, local;

 private:
  void serve(const std::string& path, reactor::Duration deadline) {
    Loop loop;
    loop_ = &loop;
    hand_over_.emplace(ok(HandOver::join(loop, "unix:" + path)));
    const auto make = [](Stream& stream) { return HandedEcho{stream}; };
    for (const std::string& endpoint : {std::string("127.0.0.1:0"), "unix:" + path + ".echo"}) {
      Socket passed = hand_over_->take(endpoint);
      servers_.push_back(ok(passed ? HandedServer::adopt(loop, std::move(passed), {}, make)
                                   : HandedServer::listen(loop, endpoint, {}, make)));
    }
    const auto make_datagrams = [](reactor::UdpPeer& peer) { return HandedDatagrams{peer}; };
    Socket passed = hand_over_->take("udp");
    udp_.emplace(ok(passed ? HandedUdpServer::adopt(loop, std::move(passed), {}, make_datagrams)
                           : HandedUdpServer::bind(loop, "127.0.0.1:0", {}, make_datagrams)));
    tcp = servers_[0].address();
    local = servers_[1].address();
    udp = udp_->address();
    const auto offer = [this, path] {
      return HandOver::Offer{{"127.0.0.1:0", servers_[0].descriptors()},
                             {"unix:" + path + ".echo", servers_[1].descriptors()},
                             {"udp", {udp_->socket().fd()}}};
    };
    ok(hand_over_->ready(offer, [this, deadline] {
      for (HandedServer& server : servers_) server.hand_over(deadline);
      udp_->drain();
    }));
    started_.set_value();
    loop.run();
    for (const HandedServer& server : servers_) cut_off_ += server.cut_off();
    udp_.reset();
    servers_.clear();
    hand_over_.reset();
  }

  std::promise<void> started_;
  Loop* loop_ = nullptr;
  std::optional<HandOver> hand_over_;
  std::vector<HandedServer> servers_;
  std::optional<HandedUdpServer> udp_;
  std::size_t cut_off_ = 0;
  std::thread thread_;
};

// One message and its echo, over a socket that is connected or not.
bool gets_echo(const Socket& socket) {
  pollfd ready{socket.fd(), POLLOUT, 0};
  if (poll(&ready, 1, 20'000) != 1 || send(socket.fd(), "x", 1, MSG_NOSIGNAL) != 1) return false;
  ready.events = POLLIN;
  char byte = 0;
  return poll(&ready, 1, 20'000) == 1 && recv(socket.fd(), &byte, 1, 0) == 1 && byte == 'x';
}

// Connects, sends one message and closes, again and again, until it is destroyed.
class ChurningClient {
 public:
  explicit ChurningClient(Address server) : thread_([this, server] { run(server); }) {}
  ~ChurningClient() { end(); }
  void end() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::atomic<int> served = 0;
  std::atomic<int> failed = 0;

 private:
  void run(const Address& server) {
    while (!over_) {
      auto client = Socket::open(server.family(), reactor::SocketType::stream);
      if (client && client->connect(server) && gets_echo(*client)) {
        ++served;
      } else {
        ++failed;
      }
    }
  }
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

// What one thread of a process serves.
struct HandedSite {
  reactor::Result<Address> started(reactor::Result<HandedServer> server) {
    if (!server) return reactor::Failure(server.error());
    servers.push_back(std::move(*server));
    return servers.back().address();
  }
  static HandedEcho make(Stream& stream) { return {stream}; }

  reactor::Result<Address> listen(const std::string& endpoint) {
    const bool shared = !endpoint.starts_with("unix:");
    return started(HandedServer::listen(loop, endpoint, {.listen = {.reuse_port = shared}}, make));
  }
  reactor::Result<Address> adopt(const std::string&, Socket socket) {
    return started(HandedServer::adopt(loop, std::move(socket), {}, make));
  }
  std::vector<int> descriptors() {
    std::vector<int> all;
    for (const HandedServer& server : servers) {
      for (const int fd : server.descriptors()) all.push_back(fd);
    }
    return all;
  }
  void drain() {
    for (HandedServer& server : servers) server.drain(1h);
  }
  void hand_over() {
    for (HandedServer& server : servers) server.hand_over(1h);
  }

  Loop& loop;
  std::list<HandedServer> servers;
};

// Threads of this process in place of another one.
class HandedThreads {
 public:
  HandedThreads(const std::string& path, std::vector<std::string> endpoints, std::size_t threads)
      : serving_([this, path, endpoints = std::move(endpoints), threads] {
          const auto served = reactor::serve_on_threads_until_replaced(
              "unix:" + path, endpoints, threads,
              [](Loop& loop) {
                return HandedSite{loop, {}};
              },
              [this](const std::vector<Address>& addresses) { promise_.set_value(addresses); });
          if (served) return;
          std::fprintf(stderr, "%s\n", served.error().message().c_str());
          promise_.set_value({});
        }) {}

  // None if it has failed.
  std::vector<Address> addresses() { return promise_.get_future().get(); }
  void join() { serving_.join(); }

 private:
  std::promise<std::vector<Address>> promise_;
  std::thread serving_;
};

// Runs `act` in another thread while this one runs the loop.
template <class Act>
auto while_another_runs(Loop& loop, Act act) {
  auto result = std::async(std::launch::async, act);
  poll_until(loop, [&] { return result.wait_for(0s) == std::future_status::ready; });
  return result.get();
}

reactor::Error refusal_of(const Address& at, reactor::Duration timeout) {
  Loop loop;
  const auto joined = HandOver::join(loop, at.to_string(), timeout);
  return joined ? reactor::Error() : joined.error();
}

}  // namespace

TEST_SUITE("hand-over") {
  TEST_CASE("what is no predecessor is an error, and no endless wait") {
    if (!is_supported()) return;
    Loop loop;
    CHECK(HandOver::join(loop, "127.0.0.1:0").error().code == std::errc::invalid_argument);
    CHECK_FALSE(HandOver::join(loop, "unix:/no/such/folder/file"));

    const Socket silent = listening_socket(Transport::unix_socket);
    CHECK(refusal_of(*silent.local_address(), 10ms).code == std::errc::timed_out);

    const Address address = any_address(Transport::unix_socket);
    std::string says;
    std::optional<Stream> client;
    const auto other = ok(reactor::Listener::listen(loop, address, [&](Socket socket, auto& peer) {
      client.emplace(loop, std::move(socket), peer);
      client->write(says);
      client->close();
    }));
    for (const auto& each : {std::pair{"uvreactor hand-over 1\n\n", std::errc::bad_message},
                             std::pair{"220 mail\n\n", std::errc::bad_message},
                             std::pair{"uvreactor hand", std::errc::connection_aborted},
                             std::pair{"", std::errc::connection_aborted}}) {
      CAPTURE(each.first);
      says = each.first;
      CHECK(while_another_runs(loop, [&] { return refusal_of(address, 10s); }).code == each.second);
    }
  }

  TEST_CASE("an offer with a bad name is refused at once") {
    if (!is_supported()) return;
    Loop loop;
    auto first = ok(HandOver::join(loop, "unix:" + unused_path()));
    CHECK_FALSE(first.has_predecessor());
    CHECK_FALSE(first.take("echo"));
    for (const std::string& name : {std::string(), std::string("a\nb"), std::string(256, 'a')}) {
      const auto ready = first.ready([&] { return HandOver::Offer{{name, {}}}; }, [] {});
      CHECK(ready.error().code == std::errc::invalid_argument);
    }
    const auto many = [] { return HandOver::Offer{{"a", std::vector<int>(253)}}; };
    CHECK(first.ready(many, [] {}).error().code == std::errc::invalid_argument);
  }

  TEST_CASE("no request fails and no connection is refused while processes replace each other") {
    if (!is_supported()) return;
    const std::string path = unused_path();
    auto serving = std::make_unique<Generation>(path);
    const Address tcp = serving->tcp;
    const Address udp = serving->udp;
    ChurningClient over_tcp(tcp);
    ChurningClient over_unix(serving->local);
    for (int replaced = 0; replaced < 6; ++replaced) {
      const Socket kept = connect_to(tcp);
      CHECK(gets_echo(kept));
      auto successor = std::make_unique<Generation>(path);
      CHECK(successor->tcp == tcp);
      CHECK_MESSAGE(gets_echo(kept), "the predecessor serves its connections on");
      shutdown(kept.fd(), SHUT_RDWR);
      CHECK(serving->join() == 0);
      serving = std::move(successor);
      const Socket datagrams = open_socket(reactor::Family::ipv4, reactor::SocketType::datagram);
      REQUIRE(datagrams.fd() >= 0);
      Socket to_udp = open_socket(reactor::Family::ipv4, reactor::SocketType::datagram);
      CHECK(to_udp.connect(udp));
      CHECK(gets_echo(to_udp));
      const int before = over_tcp.served;
      while (over_tcp.served < before + 20 && over_tcp.failed == 0) std::this_thread::yield();
    }
    over_tcp.end();
    over_unix.end();
    CHECK(over_tcp.failed == 0);
    CHECK(over_unix.failed == 0);
    CHECK(over_unix.served > 0);
  }

  TEST_CASE("no request fails while threads replace more or fewer threads") {
    if (!is_supported()) return;
    const ChildEnd end = in_child([] {
      const std::string path = unused_path();
      const std::vector<std::string> endpoints{"127.0.0.1:0", "unix:" + path + ".echo"};
      auto serving = std::make_unique<HandedThreads>(path, endpoints, 2);
      const std::vector<Address> addresses = serving->addresses();
      ChurningClient over_tcp(addresses[0]), too(addresses[0]), over_unix(addresses[1]);
      const auto clients = {&over_tcp, &too, &over_unix};
      bool good = true;
      for (const std::size_t threads : {3U, 1U, 4U, 2U}) {
        auto with_error = endpoints;
        with_error.push_back("127.0.0.1:no port");
        HandedThreads failing(path, with_error, threads);
        good = good && failing.addresses().empty();
        failing.join();

        auto successor = std::make_unique<HandedThreads>(path, endpoints, threads);
        if (successor->addresses() != addresses) throw std::runtime_error("a successor failed");
        serving->join();
        serving = std::move(successor);
        for (ChurningClient* const client : clients) {
          const int before = client->served;
          while (client->served < before + 20 && client->failed == 0) std::this_thread::yield();
        }
      }
      for (ChurningClient* const client : clients) {
        client->end();
        good = good && client->failed == 0;
      }
      kill(getpid(), SIGTERM);
      serving->join();
      if (!good) throw std::runtime_error("a request failed, or a successor");
    });
    CHECK_MESSAGE(end.succeeded(), end.printed);
  }

  TEST_CASE("connections that do not end by the deadline are cut off and counted") {
    if (!is_supported()) return;
    const std::string path = unused_path();
    Generation first(path, 1ms);
    const Socket kept = connect_to(first.tcp);
    CHECK(gets_echo(kept));
    const Generation second(path);
    CHECK(first.join() == 1);
    CHECK_FALSE(gets_echo(kept));
  }

  TEST_CASE("a process serves on after one that was never ready, and after a stranger") {
    if (!is_supported()) return;
    const std::string path = unused_path();
    Generation first(path);
    {
      Loop loop;
      auto hesitant = ok(HandOver::join(loop, "unix:" + path));
      CHECK(hesitant.has_predecessor());
      CHECK(hesitant.take("udp"));
    }
    const Socket stranger = connect_to(address("unix:" + path));
    send(stranger.fd(), "GET /", 5, MSG_NOSIGNAL);
    CHECK(gets_echo(connect_to(first.tcp)));
    const Generation second(path);
    CHECK(first.join() == 0);
    CHECK(gets_echo(connect_to(second.tcp)));
  }

  TEST_CASE("callbacks may destroy the hand-over, and what they throw leaves run()") {
    if (!is_supported()) return;
    const std::string path = unused_path();
    Loop loop;
    std::optional<HandOver> first;
    bool throws = false;
    SUBCASE("destroyed") {}
    SUBCASE("and thrown") { throws = true; }
    first.emplace(ok(HandOver::join(loop, "unix:" + path)));
    ok(first->ready([] { return HandOver::Offer(); },
                    [&] {
                      first.reset();
                      if (throws) throw std::runtime_error("from on_successor");
                    }));
    auto successor = std::async(std::launch::async, [&] {
      Loop its;
      auto joined = HandOver::join(its, "unix:" + path);
      return joined && joined->ready([] { return HandOver::Offer(); }, [] {});
    });
    const auto serve = [&] {
      poll_until(loop, [&] { return successor.wait_for(0s) == std::future_status::ready; });
    };
    if (throws) CHECK_THROWS_WITH(serve(), "from on_successor");
    serve();
    CHECK(successor.get());
  }
}
