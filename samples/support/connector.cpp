#include "samples/support/connector.hpp"

#include <utility>

#include "reactor/resolver.hpp"
#include "samples/support/failed.hpp"

namespace samples {

Connector::Connector(reactor::Loop& loop, const std::string& endpoint,
                     reactor::Callback<void(reactor::Stream)> on_connected)
    : loop_(loop),
      addresses_(value_of(reactor::resolve_now(endpoint))),
      on_connected_(std::move(on_connected)) {
  try_next();
}

void Connector::try_next() {
  auto stream = reactor::Stream::connect(loop_, addresses_[tried_++]);
  if (!stream) return give_up(stream.error());
  stream_ = std::move(*stream);
  stream_->set_limits({.discard_timeout = time_for_the_rest});
  stream_->on_close([this](const reactor::Error& error) { give_up(error); });
  stream_->on_connect([this] { on_connected_(std::move(*stream_)); });
}

void Connector::give_up(const reactor::Error& error) {
  if (tried_ == addresses_.size()) throw Failed(error);
  try_next();
}

}  // namespace samples
