#include "reactor/connect_attempts.hpp"

#include <cerrno>
#include <iterator>
#include <system_error>
#include <utility>

#include "reactor/socket_option.hpp"
#include "reactor/stream_connection.hpp"

namespace reactor::inline v0 {
namespace {

std::string joined(const std::vector<Address>& addresses) {
  std::string text;
  for (const Address& address : addresses) text += (text.empty() ? "" : ", ") + address.to_string();
  return text;
}

}  // namespace

Result<Socket> open_stream_socket(Family family) {
  auto socket = Socket::open(family, SocketType::stream);
  if (!socket || family == Family::unix_socket) return socket;
  if (auto set = socket->set(option::no_delay, true); !set) return Failure(set.error());
  return socket;
}

ConnectAttempts::ConnectAttempts(Loop& loop, const ConnectOptions& options, OnDone on_done)
    : loop_(loop),
      options_(options),
      on_done_(std::move(on_done)),
      next_(loop, [this] { try_next(); }),
      limit_(loop, [this] { time_out(); }) {
  limit_.restart(options.timeout);
}

ConnectAttempts::ConnectAttempts(Loop& loop, std::string endpoint, const ConnectOptions& options,
                                 OnDone on_done)
    : ConnectAttempts(loop, options, std::move(on_done)) {
  endpoint_ = std::move(endpoint);
  lookup_ = Lookup::start(
      loop, endpoint_, {.timeout = Duration::max()},
      [this](Result<std::vector<Address>> addresses) { found(std::move(addresses)); });
}

ConnectAttempts::ConnectAttempts(Loop& loop, std::vector<Address> addresses,
                                 const ConnectOptions& options, OnDone on_done)
    : ConnectAttempts(loop, options, std::move(on_done)) {
  endpoint_ = joined(addresses);
  addresses_ = std::move(addresses);
  next_.restart({});
}

void ConnectAttempts::found(Result<std::vector<Address>> addresses) {
  lookup_.reset();
  if (!addresses) return finish(Failure(addresses.error()));
  addresses_ = std::move(*addresses);
  try_next();
}

void ConnectAttempts::try_next() {
  while (tried_ < addresses_.size()) {
    const auto started = start(addresses_[tried_++]);
    if (started) return tried_ < addresses_.size() ? next_.restart(options_.attempt_delay) : void();
    errors_.push_back(started.error());
  }
  if (attempts_.empty()) finish(Failure(last_error()));
}

Result<void> ConnectAttempts::start(const Address& peer) {
  auto socket = open_stream_socket(peer.family());
  if (!socket) return Failure(socket.error());
  if (const auto done = socket->connect(peer); !done) return Failure(done.error());
  const int fd = socket->fd();
  const auto attempt = attempts_.insert(attempts_.end(), {peer, std::move(*socket), {}, {}});
  auto watcher =
      Watcher::create(loop_, fd, Interest::writable, [this, attempt](Ready) { ready(attempt); });
  if (!watcher) {
    attempts_.erase(attempt);
    return Failure(watcher.error());
  }
  attempt->watcher = std::move(*watcher);
  if (options_.attempt_timeout != Duration::max()) {
    attempt->limit = Timer::after(loop_, options_.attempt_timeout, [this, attempt] {
      fail(attempt, system_error(ETIMEDOUT, "connect", attempt->peer.to_string()));
    });
  }
  return {};
}

void ConnectAttempts::ready(Attempts::iterator attempt) {
  Error error = attempt->socket.take_error();
  if (!error && is_connected_to_itself(attempt->socket, CompactAddress(attempt->peer))) {
    // After a reset its port is free immediately.
    (void)attempt->socket.set(option::linger, std::chrono::seconds(0));
    error = system_error(ECONNREFUSED, "connect");
  }
  if (error) {
    return fail(attempt, system_error(error.code.value(), "connect", attempt->peer.to_string()));
  }
  attempt->watcher.reset();
  finish(Connected{std::move(attempt->socket), attempt->peer});
}

// Only the newest attempt delays the next address: the delay of older ones is over.
void ConnectAttempts::fail(Attempts::iterator attempt, Error error) {
  const bool is_newest = std::next(attempt) == attempts_.end();
  errors_.push_back(std::move(error));
  attempts_.erase(attempt);
  if (!is_newest) return;
  next_.cancel();
  try_next();
}

void ConnectAttempts::time_out() {
  Error error = system_error(ETIMEDOUT, "connect", endpoint_);
  if (lookup_) error.hint = "the name servers do not answer";
  for (const Attempt& attempt : attempts_) {
    error.hint += (error.hint.empty() ? "" : "; ") + attempt.peer.to_string() + ": no response";
  }
  for (const Error& failed : errors_) {
    error.hint += (error.hint.empty() ? "" : "; ") + failed.message();
  }
  finish(Failure(std::move(error)));
}

Error ConnectAttempts::last_error() const {
  if (errors_.empty()) {
    return {
        std::make_error_code(std::errc::invalid_argument), "connect", {}, "there is no address"};
  }
  Error error = errors_.back();
  if (errors_.size() == 1) return error;
  std::string before;
  for (auto failed = errors_.begin(); std::next(failed) != errors_.end(); ++failed) {
    before += (before.empty() ? "before that: " : "; ") + failed->message();
  }
  error.hint += (error.hint.empty() ? "" : "; ") + before;
  return error;
}

// Must be the last call: on_done may destroy this.
void ConnectAttempts::finish(Result<Connected> result) {
  attempts_.clear();
  lookup_.reset();
  next_.cancel();
  limit_.cancel();
  OnDone on_done = std::move(on_done_);
  on_done(std::move(result));
}

}  // namespace reactor
