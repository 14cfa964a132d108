// One sender of broadcasts: prints what it sends, and replies where a reply can do no harm.
#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "reactor/rate_limit.hpp"
#include "reactor/udp_server.hpp"
#include "samples/support/printable.hpp"

namespace broadcast_receiver {

struct Options {
  std::string listen = "0.0.0.0:19999";
  std::vector<std::string> groups;
  std::string interface;
  std::string reply = "I am here";
  bool any_length = false;  // Reply also to datagrams that are shorter than the reply.
  bool no_reply = false;
};

// What all senders share.
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
  // A reply to a reply would go on for ever among all receivers of a network. A reply of another
  // program comes from another receiver's port or from a server's (below 1024), or has our text.
  // The rate limit covers all other replies.
  bool may_reply(const reactor::Datagram& datagram) {
    const std::uint16_t port = peer_.address().port();
    if (rules_.options.no_reply || port < IPPORT_RESERVED || port == rules_.port) return false;
    if (datagram.text() == rules_.options.reply || is_too_short(datagram)) return false;
    const auto now = rules_.loop.now();
    return replies_.allow(now) && rules_.replies.allow(now);
  }

  // The sender's address may be forged, so that the reply goes to a victim. The victim must not get
  // more bytes than the attacker sends.
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

}  // namespace broadcast_receiver
