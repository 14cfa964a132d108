// The client as a coroutine: its state is where it is, and its local variables.
#include "reactor/coroutine.hpp"
#include "samples/request_client/client.hpp"
#include "samples/support/failed.hpp"

namespace request_client {
namespace {

using reactor::Error;
using reactor::Task;

// Sends the requests from `next` on, one after the other. Returns why not all have a response.
Task<Error> ask(const Options& options, std::size_t& next, Backoff& backoff, reactor::Loop& loop) {
  auto server = co_await reactor::connect(loop, options.endpoint);
  if (!server) co_return server.error();
  reactor::Frames<protocols::LengthPrefixedDecoder> responses(*server);
  while (next < options.requests.size()) {
    co_await server->write(frame_of(options.requests[next]));
    const auto response = co_await responses.next();
    if (!response) co_return response.error();
    print(*response);
    backoff.reset();
    ++next;
  }
  (void)co_await server->close();
  co_return Error();
}

Task<> ask_all(const Options& options, reactor::Loop& loop) {
  std::size_t next = 0;
  Backoff backoff(options.tries);
  for (;;) {
    const Error error = co_await ask(options, next, backoff, loop);
    if (next == options.requests.size()) co_return;
    co_await reactor::sleep(loop, backoff.after(error));
  }
}

}  // namespace

void ask_by_coroutine(const Options& options) {
  reactor::Loop loop;
  reactor::Nursery nursery(loop);
  nursery.start(ask_all(options, loop));
  loop.run();
}

}  // namespace request_client
