// A server on one loop a thread, until a signal ends it in order.
#pragma once

#include <exception>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "reactor/loop_pool.hpp"
#include "reactor/stop_signals.hpp"
#include "samples/support/program.hpp"
#include "samples/support/with_port.hpp"

namespace samples {

/// Listens on all endpoints and announces them; returns when SIGINT or SIGTERM has come and every
/// connection has ended. `make_site(loop)` is called on each of the threads, and makes what serves
/// there: site.listen(endpoint) gives the Address it listens on, site.drain() ends it in order.
///
/// The first thread listens first: a port 0 becomes a real one that the others share, but for unix
/// sockets, which are its alone.
template <class MakeSite>
void serve_on_threads(const std::vector<std::string>& endpoints, std::size_t threads,
                      MakeSite make_site) {
  reactor::LoopPool pool(threads);
  std::promise<std::vector<std::string>> listening;
  const std::shared_future<std::vector<std::string>> shared = listening.get_future().share();

  std::vector<std::function<void()>> drains(pool.size());  // Each is its own thread's.

  pool.run([&](reactor::Loop& loop, std::size_t thread) {
    auto site = make_site(loop);
    std::optional<reactor::StopSignals> stop;
    drains[thread] = [&] { site.drain(); };
    if (thread > 0) {
      for (const std::string& endpoint : shared.get()) site.listen(endpoint);
      return loop.run();
    }
    std::vector<reactor::Address> addresses;
    try {
      std::vector<std::string> ports;
      for (const std::string& endpoint : endpoints) {
        addresses.push_back(site.listen(endpoint));
        if (endpoint.starts_with("unix:")) continue;
        ports.push_back(with_port(endpoint, addresses.back().port()));
      }
      listening.set_value(ports);
    } catch (...) {
      listening.set_exception(std::current_exception());  // Or the others would wait for ever.
      throw;
    }
    stop = value_of(reactor::StopSignals::create(loop, [&] {
      for (std::size_t other = 0; other < pool.size(); ++other) {
        pool.post(other, [&drains, other] { drains[other](); });
      }
    }));
    for (const reactor::Address& address : addresses) announce(address);
    loop.run();
  });
}

}  // namespace samples
