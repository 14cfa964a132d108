// Receives broadcast and multicast datagrams, prints each, and replies to its sender.
#include <string>

#include "reactor/stop_signals.hpp"
#include "reactor/udp_server.hpp"
#include "samples/broadcast_receiver/sender.hpp"
#include "samples/support/interface.hpp"
#include "samples/support/memory.hpp"
#include "samples/support/program.hpp"

namespace {

using broadcast_receiver::Options;
using broadcast_receiver::Rules;
using broadcast_receiver::Sender;
using Server = reactor::UdpServer<Sender>;

// Joins the group on each socket whose family fits, when the name has several addresses.
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
  server_options.socket.reuse_address = true;  // Several receivers on one host receive it.
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
      "Prints every datagram, and replies to its sender, but not to a reply. A datagram that is\n"
      "shorter than the reply gets one only with --reply. A sender gets ten replies "
      "a\n"
      "second, all senders together get a thousand.\n"
      "Example: broadcast_receiver --listen 0.0.0.0:19999 --reply 'kitchen'"};
  command_line.footer(samples::memory_text(reactor::UdpServerOptions(), sizeof(Sender)));
  command_line.add_option("--listen", options.listen, "HOST:PORT or [::]:PORT; may be shared");
  command_line.add_option("--join", options.groups, "A multicast group to join; may be repeated");
  command_line.add_option("--interface", options.interface,
                          "The interface to join on [by the routes]");
  const auto reply = command_line.add_option("--reply", options.reply,
                                             "The text of the reply, also to shorter datagrams");
  command_line.add_flag("--no-reply", options.no_reply, "Do not reply");
  return samples::run_program(command_line, count, words, [&] {
    options.any_length = reply.is_given();
    receive(options);
  });
}
