// The client by callbacks: its state is in members.
#include <optional>

#include "reactor/framed.hpp"
#include "reactor/stream.hpp"
#include "reactor/timer.hpp"
#include "samples/request_client/client.hpp"
#include "samples/support/failed.hpp"

namespace request_client {
namespace {

using reactor::Error;

class Client {
 public:
  Client(reactor::Loop& loop, const Options& options)
      : loop_(loop), options_(options), backoff_(options.tries), retry_(loop, [this] { begin(); }) {
    begin();
  }

 private:
  void begin() {
    stream_.emplace(reactor::Stream::connect(loop_, options_.endpoint));
    responses_.emplace(*stream_, protocols::LengthPrefixedDecoder(),
                       [this](protocols::Bytes response) { take(response); });
    stream_->on_close([this](const Error& error) { end(error); });
    send();
  }

  void send() {
    if (next_ == options_.requests.size()) return stream_->close();
    stream_->write(frame_of(options_.requests[next_]));
  }

  void take(protocols::Bytes response) {
    print(response);
    backoff_.reset();
    ++next_;
    send();
  }

  void end(const Error& error) {
    if (next_ == options_.requests.size()) return;
    retry_.restart(backoff_.after(error));
  }

  reactor::Loop& loop_;
  const Options& options_;
  std::size_t next_ = 0;
  Backoff backoff_;
  std::optional<reactor::Stream> stream_;
  std::optional<reactor::Framed<protocols::LengthPrefixedDecoder>> responses_;
  reactor::Timer retry_;
};

}  // namespace

void ask_by_callbacks(const Options& options) {
  reactor::Loop loop;
  const Client client(loop, options);
  loop.run();
}

}  // namespace request_client
