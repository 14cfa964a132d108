// Questions to the name servers, asked by c-ares through sockets of the loop. Internal.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/callback.hpp"
#include "reactor/loop.hpp"
#include "reactor/timer.hpp"
#include "reactor/watcher.hpp"

struct ares_channeldata;

namespace reactor::inline v0 {

/// What the lookups of a loop share while there are any, so that each burst of lookups begins with
/// the configuration of the host as it is then. Needs no thread.
///
/// Lifetime  Destroying it ends all questions without an answer. Not from inside an answer.
/// Thread    The loop's thread only.
class AresChannel {
 public:
  /// `error` is 0 or a UV_EAI number of libuv. Without a service the ports of the addresses are 0.
  using OnAddresses = Callback<void(int error, std::vector<Address> found)>;
  using OnName = Callback<void(int error, std::string name)>;

  /// The one of the loop. Null where c-ares cannot be started: no memory, no configuration.
  [[nodiscard]] static std::shared_ptr<AresChannel> of(Loop& loop);

  /// Answers once, maybe before it returns. `service` is null, or the name of a port.
  void find_addresses(const char* host, const char* service, int family, OnAddresses on_answer);
  void find_name(const Address& address, OnName on_answer);

  explicit AresChannel(Loop& loop);
  ~AresChannel();
  AresChannel(const AresChannel&) = delete;
  AresChannel& operator=(const AresChannel&) = delete;

 private:
  void watch(int fd, bool readable, bool writable);
  void process(int readable, int writable);
  void restart_timer();

  Loop& loop_;
  ares_channeldata* channel_ = nullptr;
  Timer retry_;
  std::map<int, Watcher> watchers_;  // By descriptor.
};

}  // namespace reactor
