#include "callback_kinds.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <csignal>
#include <optional>
#include <string_view>
#include <utility>

#include "protocols/lines.hpp"
#include "reactor/framed.hpp"
#include "reactor/idle_timeout.hpp"
#include "reactor/listener.hpp"
#include "reactor/process.hpp"
#include "reactor/relay.hpp"
#include "reactor/resolver.hpp"
#include "reactor/server.hpp"
#include "reactor/signal.hpp"
#include "reactor/stream.hpp"
#include "reactor/timer.hpp"
#include "reactor/udp_server.hpp"
#include "reactor/wait_any.hpp"
#include "reactor/watcher.hpp"
#include "reactor/work.hpp"
#include "support/peer.hpp"
#include "support/platform.hpp"

using namespace std::chrono_literals;
using namespace reactor;

namespace {

using OnCall = std::function<void()>;
using Bytes = std::span<const std::byte>;

// ---- Floors 1 and 2

template <Trigger trigger>
struct AWatcher : Specimen {
  AWatcher(Loop& loop, OnCall on_call) {
    REQUIRE(write(pair[1].fd(), "x", 1) == 1);
    watcher = Watcher::create(
        loop, pair[0].fd(), Interest::readable, [on_call](Ready) { on_call(); }, trigger);
    REQUIRE(watcher);
  }
  std::array<Socket, 2> pair = connected_sockets(Transport::unix_socket);
  Result<Watcher> watcher = Failure(Error{});
};

struct AWaitAny : Specimen {
  AWaitAny(Loop& loop, OnCall on_call, bool ready) {
    if (ready) REQUIRE(write(pair[1].fd(), "x", 1) == 1);
    const WaitFor wait{pair[0].fd(), Interest::readable};
    wait_for = wait_any(loop, std::span(&wait, 1), 1ms,
                        [on_call](std::span<const ReadyDescriptor>) { on_call(); });
    REQUIRE(wait_for);
  }
  std::array<Socket, 2> pair = connected_sockets(Transport::unix_socket);
  Result<WaitAny> wait_for = Failure(Error{});
};

struct AReadyWaitAny : AWaitAny {
  AReadyWaitAny(Loop& loop, OnCall on_call) : AWaitAny(loop, std::move(on_call), true) {}
};

struct AWaitAnyOnTimeout : AWaitAny {
  AWaitAnyOnTimeout(Loop& loop, OnCall on_call) : AWaitAny(loop, std::move(on_call), false) {}
};

struct ATimer : Specimen {
  ATimer(Loop& loop, OnCall on_call) : timer(Timer::after(loop, 0ms, std::move(on_call))) {}
  Timer timer;
};

struct ARepeatingTimer : Specimen {
  ARepeatingTimer(Loop& loop, OnCall on_call)
      : timer(Timer::every(loop, 1us, std::move(on_call))) {}
  Timer timer;
};

struct AnIdleTimeout : Specimen {
  AnIdleTimeout(Loop& loop, OnCall on_call) : idle(loop, 0ms, std::move(on_call)) {}
  IdleTimeout idle;
};

struct APostedTask : Specimen {
  APostedTask(Loop& loop, OnCall on_call) { loop.post(std::move(on_call)); }
};

struct ASignal : Specimen {
  ASignal(Loop& loop, OnCall on_call) : signal(Signal::create(loop, SIGUSR2, std::move(on_call))) {
    REQUIRE(signal);
    raise(SIGUSR2);
  }
  Result<Signal> signal;
};

struct ALookup : Specimen {
  ALookup(Loop& loop, OnCall on_call, std::string_view endpoint)
      : lookup(Lookup::start(loop, endpoint, [on_call](auto) { on_call(); })) {}
  Lookup lookup;
};

struct ANumericLookup : ALookup {
  ANumericLookup(Loop& loop, OnCall on_call) : ALookup(loop, std::move(on_call), "127.0.0.1:1") {}
};

struct ANamedLookup : ALookup {
  ANamedLookup(Loop& loop, OnCall on_call) : ALookup(loop, std::move(on_call), "localhost:1") {}
};

struct SomeWork : Specimen {
  SomeWork(Loop& loop, OnCall on_call)
      : work(Work::run(
            loop, [] {}, std::move(on_call))) {}
  Work work;
};

// ---- Streams

struct AStream : Specimen {
  AStream(Loop& loop, Transport transport)
      : pair(connected_sockets(transport)), stream(loop, std::move(pair[0])) {}

  Socket& peer() { return pair[1]; }
  void peer_sends(std::string_view text) {
    REQUIRE(write(peer().fd(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }

  std::array<Socket, 2> pair;
  Stream stream;
};

struct AStreamWithData : AStream {
  AStreamWithData(Loop& loop, OnCall on_call) : AStream(loop, Transport::tcp4) {
    stream.on_data([on_call](Bytes) { on_call(); });
    peer_sends("x");
  }
};

struct AStreamAtItsEnd : AStream {
  AStreamAtItsEnd(Loop& loop, OnCall on_call) : AStream(loop, Transport::tcp4) {
    stream.on_data([](Bytes) {});
    stream.on_end(std::move(on_call));
    shutdown(peer().fd(), SHUT_WR);
  }
};

struct AStreamThatDrains : AStream {
  AStreamThatDrains(Loop& loop, OnCall on_call) : AStream(loop, Transport::unix_socket) {
    stream.on_drained(std::move(on_call));
    stream.set_limits({.high_water_bytes = 1});
    while (stream.write(Pattern::at(0)) != WriteStatus::above_high_water) {
    }
    static std::string buffer(Pattern::period, '\0');
    while (read(peer().fd(), buffer.data(), buffer.size()) > 0) {
    }
  }
};

template <void (*end)(AStream&)>
struct AStreamThatCloses : AStream {
  AStreamThatCloses(Loop& loop, OnCall on_call) : AStream(loop, Transport::tcp4) {
    stream.on_data([](Bytes) {});
    stream.on_close([on_call](const Error&) { on_call(); });
    end(*this);
  }
};

void peer_closes(AStream& on) { on.peer() = Socket(); }
void peer_resets(AStream& on) {
  REQUIRE(on.peer().set(option::linger, 0s));
  on.peer() = Socket();
}
void closes_itself(AStream& on) {
  on.stream.close();
  on.peer() = Socket();
}
void closes_too_long(AStream& on) { on.stream.close(1ms); }
void aborts(AStream& on) { on.stream.abort(); }

struct AStreamThatConnects : Specimen {
  AStreamThatConnects(Loop& loop, OnCall on_call)
      : stream(Stream::connect(loop, *listening.local_address())) {
    REQUIRE(stream);
    stream->on_connect(std::move(on_call));
  }
  Socket listening = listening_socket(Transport::tcp4);
  Result<Stream> stream;
};

struct AStreamThatIsRefused : Specimen {
  AStreamThatIsRefused(Loop& loop, OnCall on_call)
      : stream(Stream::connect(loop, *listening_socket(Transport::tcp4).local_address())) {
    REQUIRE(stream);
    stream->on_close([on_call](const Error&) { on_call(); });
  }
  Result<Stream> stream;
};

// ---- Listeners

struct AListener : Specimen {
  AListener(Loop& loop, OnCall on_call)
      : listener(Listener::listen(loop, any_address(Transport::tcp4),
                                  [on_call](Socket, const Address&) { on_call(); })) {
    REQUIRE(listener);
    client = connect_to(listener->address());
  }
  Result<Listener> listener;
  Socket client;
};

struct AListenerThatFails : Specimen {
  AListenerThatFails(Loop& loop, OnCall on_call) {
    Socket listening = listening_socket(Transport::tcp4);
    const int fd = listening.fd();
    listener = Listener::adopt(loop, std::move(listening), [](Socket, const Address&) {});
    REQUIRE(listener);
    listener->on_error([on_call](const Error&) { on_call(); });
    REQUIRE(shutdown(fd, SHUT_RD) == 0);  // Accepting fails from now on.
  }
  Result<Listener> listener = Failure(Error{});
};

// ---- Datagram sockets

struct ADatagramSocket : Specimen {
  ADatagramSocket(Loop& loop, OnCall on_call) : socket(DatagramSocket::bind(loop, "127.0.0.1:0")) {
    REQUIRE(socket);
    socket->on_received([this, on_call](std::span<const Datagram> batch) {
      socket->reply(batch[0], batch[0].bytes);
      const OnCall kept = on_call;
      kept();
    });
    REQUIRE(DatagramSocket::connect(loop, socket->address())->send("x") == WriteStatus::sent);
  }
  Result<DatagramSocket> socket;
};

template <bool connected>
struct ADatagramSocketThatIsRefused : Specimen {
  ADatagramSocketThatIsRefused(Loop& loop, OnCall on_call) {
    // Not 127.0.0.1: there the kernel sometimes gives the socket below the port just freed.
    const Address nobody = DatagramSocket::bind(loop, "127.0.0.2:0")->address();
    socket = connected ? DatagramSocket::connect(loop, nobody)
                       : DatagramSocket::bind(loop, "127.0.0.1:0", {.icmp_errors = true});
    REQUIRE(socket);
    socket->on_error([on_call](const Error&) { on_call(); });
    REQUIRE((connected ? socket->send("x") : socket->send(nobody, "x")) == WriteStatus::sent);
  }
  Result<DatagramSocket> socket = Failure(Error{});
};

struct ADatagramSocketThatDrains : Specimen {
  ADatagramSocketThatDrains(Loop& loop, OnCall on_call) {
    auto pair = socket_pair(SocketType::datagram);
    REQUIRE(pair);
    peer = std::move((*pair)[1]);
    socket = DatagramSocket::adopt(loop, std::move((*pair)[0]), {.max_queued_bytes = 1000});
    REQUIRE(socket);
    socket->on_drained(std::move(on_call));
    while (socket->send("x") != WriteStatus::refused) {
    }
    char taken;
    while (recv(peer.fd(), &taken, 1, 0) > 0) {
    }
  }
  Socket peer;
  Result<DatagramSocket> socket = Failure(Error{});
};

// ---- Servers

enum class At { data, frame, end, drained, close };

// A session that calls back at one moment. The session may be destroyed when that call returns.
template <At moment>
struct Session {
  Stream& stream;
  const OnCall& on_call;

  void call() const {
    const OnCall kept = on_call;
    kept();
  }
  void on_data(Bytes) {
    if constexpr (moment == At::data) return call();
    if constexpr (moment == At::drained) {
      while (stream.write(Pattern::at(0)) != WriteStatus::above_high_water) {
      }
    }
  }
  void on_frame(std::string_view) { call(); }
  void on_end() {
    if constexpr (moment == At::end) return call();
    stream.close();
  }
  void on_drained() { call(); }
  void on_close(const Error&) {
    if constexpr (moment == At::close) call();
  }
};

template <At moment, class Decoder = NoDecoder>
struct AServer : Specimen {
  using ServerOf = Server<Session<moment>, Decoder>;

  AServer(Loop& loop, OnCall call)
      : on_call(std::move(call)),
        server(ServerOf::listen(loop, any_address(Transport::tcp4),
                                {.high_water_bytes = 1, .idle_timeout = 1min},
                                [this](Stream& stream) {
                                  return Session<moment>{stream, on_call};
                                })) {
    REQUIRE(server);
    client.emplace(loop, connect_to(server->address()));
    client->send("x\n");
    if (moment == At::end || moment == At::close) client->finish();
  }
  OnCall on_call;
  Result<ServerOf> server;
  std::optional<Peer> client;
};

// A session that calls back. The session may be destroyed when that call returns.
struct DatagramSession {
  UdpPeer& peer;
  const OnCall& on_call;

  void on_datagram(const Datagram& datagram) const {
    peer.send(datagram.bytes);
    const OnCall kept = on_call;
    kept();
  }
};

struct AUdpServer : Specimen {
  using ServerOf = UdpServer<DatagramSession>;

  AUdpServer(Loop& loop, OnCall call)
      : on_call(std::move(call)),
        server(ServerOf::bind(loop, "127.0.0.1:0", {}, [this](UdpPeer& peer) {
          return DatagramSession{peer, on_call};
        })) {
    REQUIRE(server);
    REQUIRE(DatagramSocket::connect(loop, server->address())->send("x") == WriteStatus::sent);
  }
  OnCall on_call;
  Result<ServerOf> server;
};

struct AUdpServerThatMakesASession : Specimen {
  using ServerOf = UdpServer<DatagramSession>;

  AUdpServerThatMakesASession(Loop& loop, OnCall on_call)
      : server(ServerOf::bind(loop, "127.0.0.1:0", {}, [on_call](UdpPeer& peer) {
          static const OnCall nothing = [] {};
          const OnCall kept = on_call;
          kept();
          return DatagramSession{peer, nothing};
        })) {
    REQUIRE(server);
    REQUIRE(DatagramSocket::connect(loop, server->address())->send("x") == WriteStatus::sent);
  }
  Result<ServerOf> server;
};

// The client no longer exists when the server replies.
struct AUdpServerThatIsRefused : Specimen {
  using ServerOf = UdpServer<DatagramSession>;

  AUdpServerThatIsRefused(Loop& loop, OnCall on_call)
      : server(ServerOf::bind(loop, "127.0.0.1:0", {.socket = {.icmp_errors = true}},
                              [](UdpPeer& peer) {
                                static const OnCall nothing = [] {};
                                return DatagramSession{peer, nothing};
                              })) {
    REQUIRE(server);
    server->on_error([on_call](const Error&) { on_call(); });
    REQUIRE(DatagramSocket::connect(loop, server->address())->send("x") == WriteStatus::sent);
  }
  Result<ServerOf> server;
};

struct ARelay : Specimen {
  ARelay(Loop& loop, OnCall on_call)
      : left(connected_sockets(Transport::tcp4)),
        right(connected_sockets(Transport::tcp4)),
        relay(Stream(loop, std::move(left[0])), Stream(loop, std::move(right[0])),
              [on_call](const Error&) { on_call(); }) {
    left[1] = Socket();
    right[1] = Socket();
  }
  std::array<Socket, 2> left, right;
  Relay relay;
};

struct AProcess : Specimen {
  AProcess(Loop& loop, OnCall on_call)
      : process(
            Process::start(loop, {.program = "/bin/true"}, [on_call](ProcessEnd) { on_call(); })) {
    REQUIRE(process);
  }
  Result<Process> process;
};

template <class Kind>
std::unique_ptr<Specimen> make(Loop& loop, OnCall on_call) {
  return std::make_unique<Kind>(loop, std::move(on_call));
}

}  // namespace

const std::vector<CallbackKind>& callback_kinds() {
  static std::vector<CallbackKind> kinds = {
      {"watcher", make<AWatcher<Trigger::level>>},
      {"one-shot watcher", make<AWatcher<Trigger::oneshot>>},
      {"wait_any", make<AReadyWaitAny>},
      {"wait_any on timeout", make<AWaitAnyOnTimeout>},
      {"timer", make<ATimer>},
      {"repeating timer", make<ARepeatingTimer>},
      {"idle timeout", make<AnIdleTimeout>},
      {"posted task", make<APostedTask>, false},
      {"signal", make<ASignal>},
      {"lookup of a number", make<ANumericLookup>},
      {"lookup of a name", make<ANamedLookup>},
      {"work", make<SomeWork>},
      {"stream on_connect", make<AStreamThatConnects>},
      {"stream on_data", make<AStreamWithData>},
      {"stream on_end", make<AStreamAtItsEnd>},
      {"stream on_drained", make<AStreamThatDrains>},
      {"stream on_close, refused", make<AStreamThatIsRefused>},
      {"stream on_close, closed by the peer", make<AStreamThatCloses<peer_closes>>},
      {"stream on_close, reset by the peer", make<AStreamThatCloses<peer_resets>>},
      {"stream on_close, closed", make<AStreamThatCloses<closes_itself>>},
      {"stream on_close, closed for too long", make<AStreamThatCloses<closes_too_long>>},
      {"stream on_close, aborted", make<AStreamThatCloses<aborts>>},
      {"listener on_accept", make<AListener>},
      {"listener on_error", make<AListenerThatFails>},
      {"datagram socket on_received", make<ADatagramSocket>},
      {"datagram socket on_error, connected", make<ADatagramSocketThatIsRefused<true>>},
      {"datagram socket on_error, not connected", make<ADatagramSocketThatIsRefused<false>>},
      {"datagram socket on_drained", make<ADatagramSocketThatDrains>},
      {"session on_data", make<AServer<At::data>>},
      {"session on_frame", make<AServer<At::frame, protocols::LineDecoder>>},
      {"session on_end", make<AServer<At::end>>},
      {"session on_drained", make<AServer<At::drained>>},
      {"session on_close", make<AServer<At::close>>},
      {"session on_datagram", make<AUdpServer>},
      {"UDP server make_session", make<AUdpServerThatMakesASession>},
      {"UDP server on_error", make<AUdpServerThatIsRefused>},
      {"relay on_close", make<ARelay>},
      {"process on_exit", make<AProcess>},
  };
  if (on_portable_platform()) {  // The portable platform is not notified of these.
    std::erase_if(kinds, [](const CallbackKind& kind) {
      const std::string_view name = kind.name;
      return name == "datagram socket on_error, not connected" || name == "UDP server on_error";
    });
  }
  return kinds;
}
