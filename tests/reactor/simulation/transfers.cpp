// Programs in which nothing may be lost at an end: of a stream, of a server, of a file, of a fault.
#include <algorithm>
#include <array>
#include <list>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "programs.hpp"
#include "protocols/lines.hpp"
#include "reactor/datagram.hpp"
#include "reactor/idle_timeout.hpp"
#include "reactor/server.hpp"
#include "reactor/stream.hpp"
#include "reactor/timer.hpp"
#include "support/temporary_file.hpp"
#include "web/http_client.hpp"
#include "web/http_server.hpp"

using namespace std::chrono_literals;
using reactor::Duration;
using reactor::Error;
using reactor::Loop;
using reactor::Stream;
using reactor::simulation::Random;
using reactor::simulation::World;

namespace programs {
namespace {

template <class Clients, class Condition>
bool all_of_them(const Clients& clients, Condition condition) {
  return std::all_of(clients.begin(), clients.end(), condition);
}

}  // namespace

// Clients write a letter and close at once, most of them before they are connected. Some write to a
// host that does not exist: close() has a timeout.
std::string farewells(std::uint64_t seed) {
  struct Mailbox {
    Stream& stream;
    std::vector<std::string>& letters;
    std::string text = {};
    void on_data(std::span<const std::byte> bytes) { text += text_of(bytes); }
    void on_close(const Error&) { letters.push_back(text); }
  };
  struct Sender {
    Sender(Loop& of, Random from) : loop(of), random(from), pause(of, [this] { send(); }) {
      send();
    }
    void send() {
      const bool is_silent = random.happens(0.2);
      texts.push_back(random_text(random, 20 + random.below(20'000)));
      began = loop.now();
      stream.emplace(Stream::connect(loop, is_silent ? "10.0.9.9:7" : "10.0.0.1:7",
                                     {.timeout = 1h, .attempt_timeout = 1h}));
      stream->set_limits(quick_limits());
      stream->on_close([this, is_silent](const Error& error) {
        if (is_silent && loop.now() - began > 31s) wrong = "close() took longer than its timeout";
        if (!is_silent && error.code) wrong = "close() failed: " + error.message();
        if (is_silent) texts.pop_back();
        if (--left > 0) pause.restart(std::chrono::milliseconds(random.below(300)));
      });
      if (!is_silent && random.happens(0.2)) {
        stream->on_connect([this] { write_and_close(); });
      } else {
        write_and_close();
      }
    }
    void write_and_close() {
      stream->write(bytes_of(texts.back()));
      stream->close();
    }
    Loop& loop;
    Random random;
    int left = 6;
    std::vector<std::string> texts;
    std::string wrong;
    Loop::Clock::time_point began;
    std::optional<Stream> stream;
    reactor::Timer pause;
  };
  RoughWorld rough(seed, {.resets = false});
  auto& world = rough.world;
  std::vector<std::string> letters;
  auto server = reactor::Server<Mailbox>::listen(world.host(server_address).loop(), "10.0.0.1:7",
                                                 quick_options(), [&](Stream& stream) {
                                                   return Mailbox{stream, letters};
                                                 });
  if (!server) return server.error().message();
  std::list<Sender> senders;
  for (int i = 0; i < 3; ++i) {
    senders.emplace_back(world.host(client_address(i)).loop(), Random(world.random().next()));
  }
  const auto all_sent = [&] {
    return server->connections() == 0 &&
           all_of_them(senders, [](const Sender& sender) { return sender.left == 0; });
  };
  if (!world.run_until(all_sent, end_of_all)) return "a stream does not close";
  for (const Sender& sender : senders) {
    if (!sender.wrong.empty()) return sender.wrong;
    for (const std::string& text : sender.texts) {
      if (std::count(letters.begin(), letters.end(), text) != 1) return "a letter is lost";
    }
  }
  return "";
}

// A server drains while connections wait in its kernel: they are served, and none is reset.
std::string drains(std::uint64_t seed) {
  struct Greeter {
    explicit Greeter(Stream& stream) { stream.write("hello"); }
    void on_data(std::span<const std::byte>) {}
  };
  struct Visitor {
    Visitor(Loop& of, Random from) : loop(of), random(from), pause(of, [this] { visit(); }) {
      visit();
    }
    void visit() {
      received.clear();
      connected_at.reset();
      stream.emplace(Stream::connect(loop, "10.0.0.1:7"));
      stream->on_connect([this] {
        connected_at = loop.now();
        stream->shutdown();
      });
      stream->on_data([this](Stream::Bytes bytes) { received += text_of(bytes); });
      stream->on_close([this](const Error& error) {
        if (connected_at && received != "hello") failed_at = connected_at;
        is_refused = !connected_at && error.code;
        if (!is_refused) pause.restart(std::chrono::milliseconds(random.below(100)));
      });
    }
    Loop& loop;
    Random random;
    std::string received;
    std::optional<Loop::Clock::time_point> connected_at;
    std::optional<Loop::Clock::time_point> failed_at;
    bool is_refused = false;
    std::optional<Stream> stream;
    reactor::Timer pause;
  };
  World world({.seed = seed});
  Random& random = world.random();
  constexpr auto slowest = 40ms;
  world.link({.latency = {1ms, slowest}});
  world.faults({.short_counts = 0.1, .interrupted = 0.1, .spurious = 0.1});
  auto& host = world.host(server_address);
  auto server = reactor::Server<Greeter>::listen(host.loop(), "10.0.0.1:7", quick_options());
  if (!server) return server.error().message();
  std::list<Visitor> visitors;
  for (int i = 0; i < 4; ++i) {
    visitors.emplace_back(world.host(client_address(i)).loop(), Random(random.next()));
  }
  const Duration when = std::chrono::milliseconds(300 + random.below(500));
  world.at(when - 200ms, [&] { host.pause(200ms); });
  std::optional<Loop::Clock::time_point> drained_at;
  world.at(when, [&] {
    drained_at = host.loop().now();
    server->drain();
  });
  const auto all_over = [&] {
    return drained_at && server->connections() == 0 &&
           all_of_them(visitors, [](const Visitor& visitor) { return visitor.is_refused; });
  };
  if (!world.run_until(all_over, 5min)) return "the server does not drain";
  for (const Visitor& visitor : visitors) {
    // One that was connected had sent its last packet of the handshake.
    if (visitor.failed_at && *visitor.failed_at + slowest < *drained_at) {
      return "a connection that was waiting got no greeting";
    }
  }
  return "";
}

// Files are sent from an offset; clients continue where the connection before was interrupted.
std::string file_transfer(std::uint64_t seed) {
  static const std::string content = [] {
    Random random(1);
    return random_text(random, 100'000);
  }();
  static const TemporaryFile file(content);
  struct FileSession {
    Stream& stream;
    void on_frame(std::string_view offset) {
      const std::uint64_t from = std::stoul(std::string(offset));
      stream.write_file(file.open(), from, content.size() - from);
      stream.close();
    }
  };
  struct Downloader {
    explicit Downloader(Loop& of)
        : loop(of),
          again(of, [this] { connect(); }),
          silence(of, 30s, [this] { stream->abort(); }) {
      connect();
    }
    void connect() {
      silence.restart(30s);
      before = received.size();
      stream.emplace(Stream::connect(loop, "10.0.0.1:7", {.timeout = 20s}));
      stream->write(std::to_string(received.size()) + "\n");
      stream->on_data([this](Stream::Bytes bytes) {
        received += text_of(bytes);
        silence.touch();
      });
      stream->on_close([this](const Error& error) {
        silence.cancel();
        // A server without descriptors accepts a connection only to close it.
        const bool is_cut = !error.code && received.size() < content.size();
        if (is_cut && received.size() > before) wrong = "the end came before all bytes";
        if (received.size() < content.size()) again.restart(200ms);
      });
    }
    Loop& loop;
    std::string received;
    std::string wrong;
    std::size_t before = 0;
    std::optional<Stream> stream;
    reactor::Timer again;
    reactor::IdleTimeout silence;
  };
  RoughWorld rough(seed);
  auto& world = rough.world;
  auto server = reactor::Server<FileSession, protocols::LineDecoder>::listen(
      world.host(server_address).loop(), "10.0.0.1:7", quick_options());
  if (!server) return server.error().message();
  std::list<Downloader> downloaders;
  for (int i = 0; i < 2; ++i) downloaders.emplace_back(world.host(client_address(i)).loop());
  const auto all_over = [&] {
    return server->connections() == 0 && all_of_them(downloaders, [](const Downloader& each) {
             return each.received.size() >= content.size();
           });
  };
  if (!world.run_until(all_over, end_of_all)) return "a file does not arrive";
  for (const Downloader& each : downloaders) {
    if (each.received != content) return "another file arrived";
    if (!each.wrong.empty()) return each.wrong;
  }
  return "";
}

// Each request ends once; the body of a response is that of its request; in the end all succeed.
std::string http_client(std::uint64_t seed) {
  constexpr int requests = 8;
  struct User {
    User(Loop& loop, int number, Random from)
        : name(std::to_string(number)),
          random(from),
          client(loop, {.max_connections_per_origin = 2,
                        .response_timeout = 20s,
                        .stall_timeout = 20s,
                        .total_timeout = 1min,
                        .idle_timeout = 5s}),
          pause(loop, [this] { request(); }) {
      request();
    }
    void request() {
      for (const int number : std::exchange(failed, {})) start(number);
      while (running < 3 && begun < requests) start(begun++);
    }
    void start(int number) {
      const auto at = static_cast<std::size_t>(number);
      ++running;
      is_running[at] = true;
      const std::string body = random.happens(0.5) ? random_text(random, random.below(9000)) : "";
      const std::string expected = name + "/" + std::to_string(number) + ":" + body;
      fetches[at] =
          client.send({.url = "http://10.0.0.1/" + name + "/" + std::to_string(number),
                       .method = body.empty() ? "GET" : "POST",
                       .body = body},
                      [this, number, at, expected](reactor::Result<web::FetchResponse> got) {
                        --running;
                        if (!std::exchange(is_running[at], false)) wrong = "a request ended twice";
                        if (got && (got->status != 200 || got->body != expected))
                          wrong = "another response";
                        got ? void(++done) : failed.push_back(number);
                        pause.restart(std::chrono::milliseconds(got ? random.below(100) : 1000));
                      });
    }
    std::string name;
    Random random;
    int begun = 0;
    int running = 0;
    int done = 0;
    std::array<bool, requests> is_running{};
    std::vector<int> failed;
    std::string wrong;
    web::HttpClient client;
    std::array<std::optional<web::Fetch>, requests> fetches;
    reactor::Timer pause;
  };
  RoughWorld rough(seed);
  auto& world = rough.world;
  web::HttpServer server(world.host(server_address).loop());
  const auto respond = [](const web::Request& request, web::Response response) {
    response.send(200, request.parameter("name") + "/" + request.parameter("number") + ":" +
                           std::string(request.body()));
  };
  server.route("GET", "/{name}/{number}", respond);
  server.route("POST", "/{name}/{number}", respond);
  if (const auto address = server.listen("10.0.0.1:80"); !address) {
    return address.error().message();
  }
  std::list<User> users;
  for (int i = 0; i < 3; ++i) {
    users.emplace_back(world.host(client_address(i)).loop(), i, Random(world.random().next()));
  }
  const auto all_done = [&] {
    return server.connections() == 0 && all_of_them(users, [](const User& user) {
             return user.done == requests && user.client.connections() == 0;
           });
  };
  if (!world.run_until(all_done, end_of_all)) return "a request does not end, or no connection";
  for (const User& user : users) {
    if (!user.wrong.empty()) return user.wrong;
  }
  return "";
}

// Members announce themselves to a broadcast address and to a group that all but one have joined.
std::string announcements(std::uint64_t seed) {
  struct Member {
    Member(Loop& loop, std::string own, bool joins, Random chance)
        : address(std::move(own)),
          in_group(joins),
          random(chance),
          socket(reactor::DatagramSocket::bind(loop, "0.0.0.0:9", {.broadcast = true}).value()),
          repeat(loop, [this] { announce(); }) {
      if (joins && !socket.socket().join(group, 0)) wrong = "a member cannot join";
      socket.on_received([this](std::span<const reactor::Datagram> datagrams) {
        for (const auto& datagram : datagrams) take(datagram);
      });
      announce();
    }
    void announce() {
      const bool to_group = random.happens(0.5);
      socket.send(to_group ? group : all,
                  (to_group ? "g " : "b ") + address + " " + std::to_string(sent++));
      repeat.restart(500ms);
    }
    void take(const reactor::Datagram& datagram) {
      const std::string text(datagram.text());
      const auto space = text.find_last_of(' ');
      if (text.size() < 5 || text.substr(2, space - 2) != datagram.sender.host()) {
        wrong = "an announcement of another: " + text;
      } else if (text[0] == 'g' && !in_group) {
        wrong = "a datagram of a group that was not joined";
      } else if (++heard[text] > 2) {
        wrong = "an announcement came three times: " + text;
      }
      ++from[text.substr(0, space)];
    }
    // Whether it has heard of these in each way that it can.
    [[nodiscard]] bool has_heard(const std::list<Member>& members) const {
      return std::all_of(members.begin(), members.end(), [this](const Member& member) {
        return from.contains("b " + member.address) &&
               (!in_group || from.contains("g " + member.address));
      });
    }
    const reactor::Address group = reactor::Address::parse("239.1.2.3:9").value();
    const reactor::Address all = reactor::Address::parse("255.255.255.255:9").value();
    const std::string address;
    const bool in_group;
    Random random;
    int sent = 0;
    std::map<std::string, int> heard;
    std::map<std::string, int> from;
    std::string wrong;
    reactor::DatagramSocket socket;
    reactor::Timer repeat;
  };
  RoughWorld rough(seed);
  auto& world = rough.world;
  std::list<Member> members;
  for (int i = 0; i < 3; ++i) {
    const std::string address = i == 0 ? server_address : client_address(i);
    members.emplace_back(world.host(address).loop(), address, i > 0, Random(world.random().next()));
  }
  world.run_for(faults_end);
  for (Member& member : members) member.from.clear();
  const auto all_heard = [&] {
    return std::all_of(members.begin(), members.end(),
                       [&](const Member& member) { return member.has_heard(members); });
  };
  if (!world.run_until(all_heard, 5min)) return "a member is not heard without faults";
  for (const Member& member : members) {
    if (!member.wrong.empty()) return member.wrong;
  }
  return "";
}

}  // namespace programs
