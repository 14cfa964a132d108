// Connects to the first of several addresses that accepts (RFC 8305). Internal.
#pragma once

#include <list>
#include <optional>
#include <string>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/callback.hpp"
#include "reactor/connect_options.hpp"
#include "reactor/loop.hpp"
#include "reactor/resolver.hpp"
#include "reactor/result.hpp"
#include "reactor/socket.hpp"
#include "reactor/timer.hpp"
#include "reactor/watcher.hpp"

namespace reactor::inline v0 {

/// A socket for a stream to an address of this family, with the options of all streams.
[[nodiscard]] Result<Socket> open_stream_socket(Family family);

/// Tries the addresses in their order, with a delay between them, until one of them connects. Then
/// closes the sockets of the others.
///
/// Lifetime  Destroying it closes all sockets; on_done is not called after that. on_done may
///           destroy it.
class ConnectAttempts {
 public:
  struct Connected {
    Socket socket;
    Address peer;
  };

  /// Called once, never before the constructor has returned: with the connection, or with the last
  /// error, whose hint contains the earlier ones.
  using OnDone = Callback<void(Result<Connected>)>;

  /// Looks up `endpoint` first.
  ConnectAttempts(Loop& loop, std::string endpoint, const ConnectOptions& options, OnDone on_done);
  ConnectAttempts(Loop& loop, std::vector<Address> addresses, const ConnectOptions& options,
                  OnDone on_done);
  ConnectAttempts(const ConnectAttempts&) = delete;
  ConnectAttempts& operator=(const ConnectAttempts&) = delete;

  /// What it connects to, for texts.
  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }

 private:
  struct Attempt {
    Address peer;
    Socket socket;
    std::optional<Watcher> watcher;
    std::optional<Timer> limit;
  };
  using Attempts = std::list<Attempt>;

  ConnectAttempts(Loop& loop, const ConnectOptions& options, OnDone on_done);

  void found(Result<std::vector<Address>> addresses);
  void try_next();
  [[nodiscard]] Result<void> start(const Address& peer);
  void ready(Attempts::iterator attempt);
  void fail(Attempts::iterator attempt, Error error);
  void time_out();
  [[nodiscard]] Error last_error() const;
  void finish(Result<Connected> result);

  Loop& loop_;
  const ConnectOptions options_;
  OnDone on_done_;
  std::string endpoint_;
  std::optional<Lookup> lookup_;  // While the name is looked up.
  std::vector<Address> addresses_;
  std::size_t tried_ = 0;
  Attempts attempts_;  // Neither connected nor failed.
  std::vector<Error> errors_;
  Timer next_;   // Tries the next address.
  Timer limit_;  // For the lookup and all attempts.
};

}  // namespace reactor
