#include "programs.hpp"

#include <algorithm>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "protocols/length_prefixed.hpp"
#include "protocols/lines.hpp"
#include "protocols/sntp.hpp"
#include "reactor/framed.hpp"
#include "reactor/idle_timeout.hpp"
#include "reactor/relay.hpp"
#include "reactor/server.hpp"
#include "reactor/stream.hpp"
#include "reactor/timer.hpp"
#include "reactor/udp_server.hpp"
#include "web/http_server.hpp"

using namespace std::chrono_literals;
using reactor::Duration;
using reactor::Error;
using reactor::Loop;
using reactor::Stream;
using reactor::simulation::Cut;
using reactor::simulation::Random;

namespace programs {
namespace {

// Sends a text in pieces, shuts its side down, and collects what comes back.
class Client {
 public:
  Client(Loop& loop, const char* endpoint, std::string text, Random random)
      : text_(std::move(text)),
        random_(random),
        stream_(Stream::connect(loop, endpoint, {.timeout = 5min})),
        pause_(loop, [this] { write_more(); }),
        silence_(loop, 10min, [this] { stream_.abort(); }) {
    stream_.set_limits(quick_limits());
    stream_.on_connect([this] { write_more(); });
    stream_.on_drained([this] { write_more(); });
    stream_.on_data([this](Stream::Bytes bytes) {
      received_ += text_of(bytes);
      silence_.touch();
    });
    stream_.on_end([this] {
      ended_ = true;
      stream_.close();
    });
    stream_.on_close([this](const Error& error) {
      closed_ = true;
      pause_.cancel();
      error_ = error.code ? error.message() : "";
    });
  }

  [[nodiscard]] bool closed() const { return closed_; }
  /// What is wrong if `expected` is what a server sends back.
  [[nodiscard]] std::string check(const std::string& expected) const {
    if (!closed_) return "a client is not closed";
    if (expected.compare(0, received_.size(), received_) != 0) return "other bytes came back";
    // A server without descriptors accepts a connection only to close it.
    const bool turned_away = received_.empty();
    if (error_.empty() && !turned_away && received_ != expected) {
      return "the end came before all bytes";
    }
    return "";
  }
  [[nodiscard]] bool failed() const { return !error_.empty(); }
  [[nodiscard]] const std::string& error() const { return error_; }
  [[nodiscard]] const std::string& received() const { return received_; }

 private:
  void write_more() {
    while (written_ < text_.size()) {
      const std::size_t size =
          1 + random_.below(std::min<std::size_t>(9000, text_.size() - written_));
      const auto status = stream_.write(bytes_of(std::string_view(text_).substr(written_, size)));
      if (status == reactor::WriteStatus::closed) return;
      written_ += size;
      if (status == reactor::WriteStatus::above_high_water && !writes_at_once_) return;
      if (writes_at_once_) continue;
      if (random_.happens(0.3)) return pause_.restart(std::chrono::milliseconds(random_.below(50)));
    }
    if (!std::exchange(shut_down_, true)) stream_.shutdown();
  }

  const std::string text_;
  Random random_;
  const bool writes_at_once_ = random_.happens(0.3);  // Without reading in between.
  std::size_t written_ = 0;
  std::string received_;
  bool shut_down_ = false;
  bool ended_ = false;
  bool closed_ = false;
  std::string error_;
  Stream stream_;
  reactor::Timer pause_;
  reactor::IdleTimeout silence_;  // The reset of a connection may be lost.
};

struct Echo {
  Stream& stream;
  void on_data(std::span<const std::byte> bytes) { stream.write(bytes); }
  void on_end() { stream.close(); }
};

std::string all_of(const std::list<Client>& clients, const std::vector<std::string>& texts,
                   bool may_fail) {
  auto text = texts.begin();
  for (const Client& client : clients) {
    const std::string& expected = *text++;
    if (auto wrong = client.check(expected); !wrong.empty()) return wrong;
    if (may_fail) continue;
    if (client.failed()) return "a client failed: " + client.error();
    if (client.received() != expected) return "a client was turned away";
  }
  return "";
}

}  // namespace

RoughWorld::RoughWorld(std::uint64_t seed) : RoughWorld(seed, {}) {}

RoughWorld::RoughWorld(std::uint64_t seed, Roughness roughness)
    : world({.seed = seed,
             .send_buffer_bytes = std::size_t{4096} << (seed % 5),
             .receive_buffer_bytes = std::size_t{2048} << (seed / 5 % 6)}) {
  Random& random = world.random();
  const auto often = [&](double most) {
    return random.happens(0.5) ? 0 : most * static_cast<double>(random.below(100)) / 100;
  };
  reactor::simulation::Link link;
  link.latency.most = link.latency.least + std::chrono::microseconds(random.below(50'000));
  link.loss = often(0.05);
  link.duplicates = often(0.1);
  link.cut = random.happens(0.7) ? Cut::anywhere : Cut::full;
  if (random.happens(0.2)) link.bytes_per_second = 20'000 + random.below(1'000'000);
  world.link(link);
  world.faults({.short_counts = often(0.3),
                .again = often(0.2),
                .interrupted = often(0.2),
                .no_buffers = often(0.2),
                .no_descriptors = roughness.resets ? often(0.2) : 0,
                .aborted = roughness.resets ? often(0.1) : 0,
                .reset = roughness.resets ? often(0.01) : 0,
                .spurious = often(0.3),
                .pause = often(0.05)});
  for (int i = 0; i < 3; ++i) {
    if (random.happens(0.5)) continue;
    const std::string other = client_address(static_cast<int>(random.below(3)));
    const Duration begin = std::chrono::milliseconds(random.below(8000));
    const bool one_way = random.happens(0.3);
    const bool towards = random.happens(0.5);
    world.at(begin, [this, other, one_way, towards] {
      if (!one_way) return world.partition(server_address, other);
      towards ? world.partition_one_way(server_address, other)
              : world.partition_one_way(other, server_address);
    });
  }
  world.at(faults_end, [this] {
    world.faults({});
    world.heal();
  });
}

std::string echo(std::uint64_t seed) {
  RoughWorld rough(seed);
  auto& world = rough.world;
  Random& random = world.random();
  auto server = reactor::Server<Echo>::listen(world.host(server_address).loop(), "10.0.0.1:7",
                                              quick_options());
  if (!server) return server.error().message();
  std::vector<std::string> texts;
  std::list<Client> clients;
  for (int i = 0; i < 3; ++i) {
    texts.push_back(random_text(random, random.below(60'000)));
    clients.emplace_back(world.host(client_address(i)).loop(), "10.0.0.1:7", texts.back(),
                         Random(random.next()));
  }
  const auto all_closed = [&] {
    return std::all_of(clients.begin(), clients.end(),
                       [](const Client& client) { return client.closed(); });
  };
  if (!world.run_until([&] { return all_closed() && server->connections() == 0; }, end_of_all)) {
    return "a connection does not end: " + std::to_string(server->connections()) + " of the server";
  }
  return all_of(clients, texts, true);
}

std::string framed_echo(std::uint64_t seed) {
  struct Session {
    Stream& stream;
    void on_frame(protocols::Bytes frame) {
      (void)protocols::append_length_prefixed(stream, frame);
    }
  };
  RoughWorld rough(seed, {.resets = false});
  auto& world = rough.world;
  Random& random = world.random();
  auto server = reactor::Server<Session, protocols::LengthPrefixedDecoder>::listen(
      world.host(server_address).loop(), "10.0.0.1:7", quick_options());
  if (!server) return server.error().message();
  std::vector<std::string> texts;
  std::list<Client> clients;
  for (int i = 0; i < 3; ++i) {
    std::vector<std::byte> wire;
    for (std::uint64_t frames = random.below(30); frames > 0; --frames) {
      const std::string frame = random_text(random, random.below(3000));
      (void)protocols::append_length_prefixed(wire, bytes_of(frame));
    }
    texts.push_back(text_of(wire));
    clients.emplace_back(world.host(client_address(i)).loop(), "10.0.0.1:7", texts.back(),
                         Random(random.next()));
  }
  const auto all_closed = [&] {
    return std::all_of(clients.begin(), clients.end(),
                       [](const Client& client) { return client.closed(); });
  };
  if (!world.run_until([&] { return all_closed() && server->connections() == 0; }, end_of_all)) {
    return "a connection does not end: " + std::to_string(server->connections()) + " of the server";
  }
  // Nothing breaks a connection here, so all that was sent has come back.
  return all_of(clients, texts, false);
}

std::string relay(std::uint64_t seed) {
  RoughWorld rough(seed);
  auto& world = rough.world;
  Random& random = world.random();
  Loop& back = world.host("10.0.2.1").loop();
  Loop& between = world.host(server_address).loop();
  auto server = reactor::Server<Echo>::listen(back, "10.0.2.1:7", quick_options());
  if (!server) return server.error().message();
  std::list<reactor::Relay> relays;
  std::size_t open = 0;
  auto listener = reactor::Listener::listen(
      between, "10.0.0.1:7", {}, [&](reactor::Socket socket, const reactor::Address& peer) {
        Stream upstream = Stream::connect(between, "10.0.2.1:7", {.timeout = 1min});
        ++open;
        relays.emplace_back(Stream(between, std::move(socket), peer), std::move(upstream),
                            [&](const Error&) { --open; });
        relays.back().set_idle_timeout(between, 2min);
      });
  if (!listener) return listener.error().message();
  std::vector<std::string> texts;
  std::list<Client> clients;
  for (int i = 0; i < 3; ++i) {
    texts.push_back(random_text(random, random.below(40'000)));
    clients.emplace_back(world.host(client_address(i)).loop(), "10.0.0.1:7", texts.back(),
                         Random(random.next()));
  }
  const auto all_over = [&] {
    return open == 0 && server->connections() == 0 &&
           std::all_of(clients.begin(), clients.end(),
                       [](const Client& client) { return client.closed(); });
  };
  if (!world.run_until(all_over, end_of_all)) {
    return "does not end: " + std::to_string(open) + " relays, " +
           std::to_string(server->connections()) + " connections of the server";
  }
  return all_of(clients, texts, true);
}

// Each line of a guest reaches all guests, in the order in which that guest sent them.
std::string chat(std::uint64_t seed) {
  struct Room;
  struct Guest {
    Guest(Stream& of, std::vector<Guest*>& room) : stream(of), all(room) { all.push_back(this); }
    Guest(const Guest&) = delete;
    ~Guest() { std::erase(all, this); }
    void on_frame(std::string_view line) {
      for (Guest* guest : all) guest->stream.write(std::string(line) + "\n");
    }
    Stream& stream;
    std::vector<Guest*>& all;  // A set of pointers would make the order depend on addresses.
  };
  struct Talker {
    Talker(Loop& loop, int number, int lines)
        : name(std::to_string(number)),
          left(lines),
          stream(Stream::connect(loop, "10.0.0.1:7", {.timeout = 1min})),
          lines_in(stream, protocols::LineDecoder(),
                   [this](std::string_view line) { heard.emplace_back(line); }),
          pause(loop, [this] { say(); }) {
      stream.set_limits(quick_limits());
      stream.on_connect([this] { say(); });
      stream.on_close([this](const Error&) {
        closed = true;
        pause.cancel();
      });
    }
    void say() {
      if (left-- <= 0) return stream.close();
      stream.write(bytes_of(name + " " + std::to_string(said++) + "\n"));
      pause.restart(400ms);
    }
    std::string name;
    int left;
    int said = 0;
    bool closed = false;
    std::vector<std::string> heard;
    Stream stream;
    reactor::Framed<protocols::LineDecoder> lines_in;
    reactor::Timer pause;
  };
  RoughWorld rough(seed);
  auto& world = rough.world;
  std::vector<Guest*> room;
  auto server = reactor::Server<Guest, protocols::LineDecoder>::listen(
      world.host(server_address).loop(), "10.0.0.1:7", quick_options(),
      [&](Stream& stream) { return Guest(stream, room); });
  if (!server) return server.error().message();
  std::list<Talker> talkers;
  for (int i = 0; i < 3; ++i) talkers.emplace_back(world.host(client_address(i)).loop(), i, 20);
  const auto all_over = [&] {
    return server->connections() == 0 &&
           std::all_of(talkers.begin(), talkers.end(),
                       [](const Talker& talker) { return talker.closed; });
  };
  if (!world.run_until(all_over, end_of_all)) return "a guest does not leave";
  if (!room.empty()) return "a session is left";
  for (const Talker& talker : talkers) {
    std::map<std::string, int> last;
    for (const std::string& line : talker.heard) {
      const auto space = line.find(' ');
      if (space == std::string::npos) return "half a line: " + line;
      const auto [place, first] = last.try_emplace(line.substr(0, space), -1);
      const int number = std::stoi(line.substr(space + 1));
      if (number <= place->second) return "a line came twice or too late: " + line;
      if (!first && number != place->second + 1) return "a line is missing before " + line;
      place->second = number;
    }
  }
  return "";
}

// Clients repeat a request until they have the time. No two clocks agree, and some jump.
std::string time_service(std::uint64_t seed) {
  using protocols::NtpTime;
  using protocols::SntpPacket;
  struct Session {
    reactor::UdpPeer& peer;
    reactor::simulation::Host& host;
    void on_datagram(const reactor::Datagram& datagram) {
      const auto request = SntpPacket::decode(datagram.bytes);
      if (!request || request->mode != protocols::NtpMode::client) return;
      SntpPacket response;
      response.mode = protocols::NtpMode::server;
      response.stratum = 1;
      response.origin = request->transmit;
      response.receive = response.transmit = NtpTime::from_unix(host.wall_now());
      peer.send(response.encode());
    }
  };
  struct Asker {
    Asker(reactor::simulation::Host& of, reactor::DatagramSocket opened)
        : host(of), socket(std::move(opened)), repeat(of.loop(), [this] { request(); }) {
      socket.on_received([this](std::span<const reactor::Datagram> datagrams) {
        for (const auto& datagram : datagrams) take(datagram);
      });
      request();
    }
    void request() {
      SntpPacket packet;
      packet.transmit = sent = NtpTime::from_unix(host.wall_now());
      ++requests;
      socket.send(packet.encode());
      repeat.restart(1s);
    }
    void take(const reactor::Datagram& datagram) {
      const auto response = SntpPacket::decode(datagram.bytes);
      if (!response) wrong = "a packet that is none";
      if (response && response->origin == sent && !done) {
        repeat.cancel();
        done = true;
        time = response->transmit.to_unix();
      }
    }
    reactor::simulation::Host& host;
    reactor::DatagramSocket socket;
    reactor::Timer repeat;
    NtpTime sent;
    int requests = 0;
    bool done = false;
    std::string wrong;
    NtpTime::Unix time;
  };
  RoughWorld rough(seed);
  auto& world = rough.world;
  auto& host = world.host(server_address);
  auto server = reactor::UdpServer<Session>::bind(host.loop(), "10.0.0.1:123", {},
                                                  [&](reactor::UdpPeer& peer) {
                                                    return Session{peer, host};
                                                  });
  if (!server) return server.error().message();
  world.at(std::chrono::milliseconds(world.random().below(3000)),
           [&] { host.step_wall_clock(-1h); });
  std::list<Asker> askers;
  for (int i = 0; i < 3; ++i) {
    auto& client = world.host(client_address(i));
    client.step_wall_clock(std::chrono::seconds(world.random().below(1000)));
    auto socket = reactor::DatagramSocket::connect(client.loop(),
                                                   reactor::Address::parse("10.0.0.1:123").value());
    if (!socket) return socket.error().message();
    askers.emplace_back(client, std::move(*socket));
  }
  const auto all_done = [&] {
    return std::all_of(askers.begin(), askers.end(), [](const Asker& asker) { return asker.done; });
  };
  if (!world.run_until(all_done, 5min)) return "a client has no time";
  for (const Asker& asker : askers) {
    if (!asker.wrong.empty()) return asker.wrong;
    const auto off = host.wall_now() - asker.time;
    if (off > 20s - 1h && off < -20s) return "a time of no clock";
  }
  return "";
}

std::string http(std::uint64_t seed) {
  // Requests in a row on one connection; the response to each contains its number.
  struct Browser {
    Browser(Loop& loop, int number, int requests)
        : name(std::to_string(number)),
          left(requests),
          stream(Stream::connect(loop, "10.0.0.1:80", {.timeout = 1min})),
          silence(loop, 10min, [this] { stream.abort(); }) {
      stream.set_limits(quick_limits());
      stream.on_connect([this] { request(); });
      stream.on_data([this](Stream::Bytes bytes) {
        received += text_of(bytes);
        silence.touch();
        take();
      });
      stream.on_close([this](const Error&) { closed = true; });
    }
    void request() {
      stream.write(bytes_of("GET /" + name + "/" + std::to_string(requested) + " HTTP/1.1\r\n" +
                            "Host: a\r\n\r\n"));
    }
    void take() {
      const auto head = received.find("\r\n\r\n");
      if (head == std::string::npos) return;
      const auto field = received.find("Content-Length: ");
      if (!received.starts_with("HTTP/1.1 200 OK\r\n") || field > head) {
        wrong = "another response: " + received.substr(0, 60);
        return stream.close();
      }
      const std::size_t size = std::stoul(received.substr(field + 16));
      if (received.size() < head + 4 + size) return;
      const std::string body = received.substr(head + 4, size);
      received.erase(0, head + 4 + size);
      const std::string begin = name + "/" + std::to_string(requested) + ":";
      if (!body.starts_with(begin) || body.find_first_not_of('x', begin.size()) != body.npos) {
        wrong = "another body";
      }
      ++requested;
      --left > 0 && wrong.empty() ? request() : stream.close();
    }
    std::string name;
    int left;
    int requested = 0;
    bool closed = false;
    std::string received;
    std::string wrong;
    Stream stream;
    reactor::IdleTimeout silence;  // As for Client.
  };
  RoughWorld rough(seed);
  auto& world = rough.world;
  web::HttpServer server(world.host(server_address).loop());
  server.route("GET", "/{name}/{number}", [&](const web::Request& request, web::Response response) {
    response.send(200, request.parameter("name") + "/" + request.parameter("number") + ":" +
                           std::string(world.random().below(20'000), 'x'));
  });
  if (const auto address = server.listen("10.0.0.1:80"); !address) {
    return address.error().message();
  }
  std::list<Browser> browsers;
  for (int i = 0; i < 3; ++i) browsers.emplace_back(world.host(client_address(i)).loop(), i, 5);
  const auto all_over = [&] {
    return server.connections() == 0 &&
           std::all_of(browsers.begin(), browsers.end(),
                       [](const Browser& browser) { return browser.closed; });
  };
  if (!world.run_until(all_over, end_of_all)) return "a connection does not end";
  for (const Browser& browser : browsers) {
    if (!browser.wrong.empty()) return browser.wrong;
  }
  return "";
}

// The server crashes and restarts; clients connect again until each line has come back.
std::string restarts(std::uint64_t seed) {
  struct Program {
    explicit Program(Loop& loop)
        : server(reactor::Server<Echo>::listen(loop, "10.0.0.1:7", quick_options())) {}
    reactor::Result<reactor::Server<Echo>> server;
  };
  struct Persistent {
    Persistent(Loop& of, int number)
        : loop(of), line("line " + std::to_string(number)), again(of, [this] { connect(); }) {
      connect();
    }
    void connect() {
      received.clear();
      again.restart(20s);  // The connection may be one that the server no longer knows.
      stream.emplace(Stream::connect(loop, "10.0.0.1:7", {.timeout = 10s}));
      stream->write(bytes_of(line));
      stream->on_data([this](Stream::Bytes bytes) {
        received += text_of(bytes);
        if (line.compare(0, received.size(), received) != 0) wrong = "other bytes came back";
        if (received == line) ++echoed;
        if (received == line) stream->close();
      });
      stream->on_close([this](const Error&) {
        echoed < 5 ? again.restart(1s) : again.cancel();
        closed = true;
      });
      closed = false;
    }
    Loop& loop;
    std::string line;
    std::string received;
    std::string wrong;
    int echoed = 0;
    bool closed = false;
    std::optional<Stream> stream;
    reactor::Timer again;
  };
  RoughWorld rough(seed);
  auto& world = rough.world;
  Random& random = world.random();
  auto& host = world.host(server_address);
  host.start([](Loop& loop) { return std::make_shared<Program>(loop); });
  for (int i = 0; i < 3; ++i) {
    const Duration down = std::chrono::milliseconds(random.below(9000));
    world.at(down, [&] { host.crash(); });
    world.at(down + std::chrono::milliseconds(random.below(3000)), [&] { host.restart(); });
  }
  world.at(13s, [&] { host.restart(); });
  std::list<Persistent> clients;
  for (int i = 0; i < 3; ++i) clients.emplace_back(world.host(client_address(i)).loop(), i);
  const auto all_served = [&] {
    return std::all_of(clients.begin(), clients.end(), [](const Persistent& client) {
      return client.echoed >= 5 && client.closed;
    });
  };
  if (!world.run_until(all_served, end_of_all)) return "a client is never served";
  for (const Persistent& client : clients) {
    if (!client.wrong.empty()) return client.wrong;
  }
  return "";
}

}  // namespace programs
