#include "samples/http_get/dialer.hpp"

#include <utility>

namespace http_get {

Dialer::Dialer(reactor::Loop& loop, std::vector<reactor::Address> addresses,
               std::chrono::milliseconds timeout, OnDone on_done)
    : loop_(loop),
      addresses_(std::move(addresses)),
      timeout_(timeout),
      on_done_(std::move(on_done)),
      timer_(loop, [this] { try_next(); }) {
  timer_.restart({});
}

void Dialer::try_next() {
  while (tried_ < addresses_.size()) {
    const reactor::Address& to = addresses_[tried_++];
    auto stream = reactor::Stream::connect(loop_, to, timeout_);
    if (!stream) {
      error_ = stream.error();
      continue;
    }
    const auto attempt = attempts_.insert(attempts_.end(), {std::move(*stream), to});
    attempt->stream.on_connect([this, attempt] { connected(attempt); });
    attempt->stream.on_close(
        [this, attempt](const reactor::Error& error) { failed(attempt, error); });
    if (tried_ < addresses_.size()) timer_.restart(silence);
    return;
  }
  if (attempts_.empty()) finish(reactor::Failure(error_), {});
}

void Dialer::connected(std::list<Attempt>::iterator attempt) {
  const reactor::Address to = attempt->to;
  reactor::Stream stream = std::move(attempt->stream);
  stream.on_connect({});
  stream.on_close({});
  attempts_.clear();
  timer_.cancel();
  finish(std::move(stream), to);
}

void Dialer::failed(std::list<Attempt>::iterator attempt, const reactor::Error& error) {
  error_ = error;
  attempts_.erase(attempt);
  timer_.cancel();
  try_next();
}

// Nothing may follow: on_done may destroy this.
void Dialer::finish(reactor::Result<reactor::Stream> result, const reactor::Address& to) {
  OnDone on_done = std::move(on_done_);
  on_done(std::move(result), to);
}

}  // namespace http_get
