// Hears what is broadcast or multicast, prints it, and tells the sender that somebody is there.
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "reactor/rate_limit.hpp"
#include "reactor/stop_signals.hpp"
#include "reactor/udp_server.hpp"
#include "samples/support/interface.hpp"
#include "samples/support/memory.hpp"
#include "samples/support/printable.hpp"
#include "samples/support/program.hpp"

namespace {

struct Options {
  std::string listen = "0.0.0.0:19999";
  std::vector<std::string> groups;
  std::string interface;
  std::string reply = "I am here";
  bool any_length = false;  // Of what is answered; else nothing that is shorter than the reply.
  bool no_reply = false;
};

// What all senders are treated by.
struct Rules {
  reactor::Loop& loop;
  const Options& options;
  std::uint16_t port = 0;
  reactor::RateLimit replies{1000, 1000};
  bool reported_short = false;
};

class Sender {
 public:
  Sender(reactor::UdpPeer& peer, Rules& rules) : peer_(peer), rules_(rules) {}

  void on_datagram(const reactor::Datagram& datagram) {
    std::printf("from %s: %s\n", peer_.address().to_string().c_str(),
                samples::escaped(datagram.text()).c_str());
    std::fflush(stdout);
    if (may_reply(datagram)) peer_.send(rules_.options.reply);
  }

 private:
  // An answer that were answered would go on for ever, among all the receivers of a network. One
  // comes from another receiver's port, or another server's (below 1024), or says what we say; the
  // limit is for any that does not.
  bool may_reply(const reactor::Datagram& datagram) {
    const std::uint16_t port = peer_.address().port();
    if (rules_.options.no_reply || port < IPPORT_RESERVED || port == rules_.port) return false;
    if (datagram.text() == rules_.options.reply || is_too_short(datagram)) return false;
    const auto now = rules_.loop.now();
    return replies_.allow(now) && rules_.replies.allow(now);
  }

  // The sender's address may be forged, and the reply go to a victim: it must not get more bytes
  // that way than the attacker sends.
  bool is_too_short(const reactor::Datagram& datagram) {
    const std::size_t least = rules_.options.any_length ? 0 : rules_.options.reply.size();
    if (datagram.bytes.size() >= least) return false;
    if (!std::exchange(rules_.reported_short, true)) {
      std::fprintf(stderr, "datagrams of less than %zu bytes are not answered without --reply\n",
                   least);
    }
    return true;
  }

  reactor::UdpPeer& peer_;
  Rules& rules_;
  reactor::RateLimit replies_{10, 20};
};

using Server = reactor::UdpServer<Sender>;

// On each socket that can, where the name has several addresses.
void join(Server& server, const reactor::Address& group, unsigned interface) {
  const bool only_one = server.addresses().size() == 1;
  server.for_each_socket([&](reactor::Socket& socket) {
    const auto family = samples::value_of(socket.local_address()).family();
    if (only_one || family == group.family()) samples::check(socket.join(group, interface));
  });
}

void receive(const Options& options) {
  reactor::Loop loop;
  Rules rules{.loop = loop, .options = options};
  reactor::UdpServerOptions server_options;
  server_options.socket.reuse_address = true;  // Several receivers on one host hear it.
  auto server = samples::value_of(
      Server::bind(loop, options.listen, server_options,
                   [&rules](reactor::UdpPeer& peer) { return Sender(peer, rules); }));
  rules.port = server.address().port();
  const unsigned index = samples::interface_index(options.interface);
  for (const std::string& group : options.groups) {
    const std::string host = group.find(':') == group.npos ? group : "[" + group + "]";
    const auto address = samples::value_of(reactor::Address::parse(host + ":0"));
    join(server, address, index != 0 ? index : address.scope());
  }
  const auto stop = samples::value_of(reactor::StopSignals::create(loop, [&] { server.drain(); }));
  samples::announce(server.address());
  loop.run();
}

}  // namespace

int main(int count, char** words) {
  Options options;
  samples::CommandLine command_line{
      "Prints every datagram that comes, and answers its sender, but no answer. A datagram that "
      "is\n"
      "shorter than the answer is answered only where --reply is given. A sender gets ten answers "
      "a\n"
      "second, all senders together get a thousand.\n"
      "Example: broadcast_receiver --listen 0.0.0.0:19999 --reply 'kitchen'"};
  command_line.footer(samples::memory_text(reactor::UdpServerOptions(), sizeof(Sender)));
  command_line.add_option("--listen", options.listen, "HOST:PORT or [::]:PORT; may be shared");
  command_line.add_option("--join", options.groups, "A multicast group to hear; may be repeated");
  command_line.add_option("--interface", options.interface, "Where to join [as the routes say]");
  const auto reply =
      command_line.add_option("--reply", options.reply, "What to answer, also to what is shorter");
  command_line.add_flag("--no-reply", options.no_reply, "Answer nothing");
  return samples::run_program(command_line, count, words, [&] {
    options.any_length = reply.is_given();
    receive(options);
  });
}
