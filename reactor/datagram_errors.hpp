// The errors of a datagram socket, until its on_error is called. Internal.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/datagram_batch.hpp"
#include "reactor/engine.hpp"
#include "reactor/result.hpp"
#include "reactor/socket.hpp"

namespace reactor::inline v0 {

/// Keeps each different error once, and at most sixteen. Schedules `owner` to report them.
class DatagramErrors {
 public:
  struct Options {
    bool connected;
    bool reads_error_queue;
  };

  DatagramErrors(Source& owner, const Socket& socket, const Address& local, Options options)
      : owner_(owner), socket_(socket), local_(local), options_(options) {}

  [[nodiscard]] std::size_t size() const { return pending_.size(); }
  [[nodiscard]] Error take_first();

  void add(Error what);

  /// A datagram was not sent, for an errno.
  void add_not_sent(int number, const Outgoing& datagram);

  /// A call returned an errno that concerns an earlier datagram.
  void add_earlier(int number);

  /// Reads what the error queue reports about earlier datagrams; false when it is empty.
  bool take_icmp_errors();

 private:
  [[nodiscard]] std::string peer_text() const;

  Source& owner_;
  const Socket& socket_;
  const Address& local_;
  const Options options_;
  std::vector<Error> pending_;
};

}  // namespace reactor
