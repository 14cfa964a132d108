// Runs a server on each of several threads, until a signal ends it in order.
#pragma once

#include <concepts>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "reactor/address.hpp"
#include "reactor/callback.hpp"
#include "reactor/loop.hpp"
#include "reactor/result.hpp"

#pragma GCC visibility push(default)
namespace reactor::inline v0 {

/// A server for one thread: `listen(endpoint)` starts a server and returns the address that it
/// listens on; `drain()` ends all of them in order.
template <class T>
concept Site = requires(T& site, const std::string& endpoint) {
  { site.listen(endpoint) } -> std::same_as<Result<Address>>;
  site.drain();
};

/// Internal: a Site of any type.
class AnySite {
 public:
  AnySite() = default;
  AnySite(const AnySite&) = delete;
  AnySite& operator=(const AnySite&) = delete;
  virtual ~AnySite() = default;
  virtual Result<Address> listen(const std::string& endpoint) = 0;
  virtual void drain() = 0;
};

/// Internal: called by the template below.
[[nodiscard]] Result<void> serve_sites_on_threads(
    const std::vector<std::string>& endpoints, std::size_t threads,
    Callback<std::unique_ptr<AnySite>(Loop&)> make_site,
    Callback<void(const std::vector<Address>&)> on_listening);

/// Listens on all `endpoints` with one loop on each of `threads` threads (0: one for each core).
/// Returns when SIGINT or SIGTERM was received and every loop has nothing left to do. StopSignals
/// describes what the signals do after that.
///
///     struct EchoSite {
///       Loop& loop;
///       std::vector<Server<Echo>> servers;
///
///       Result<Address> listen(const std::string& endpoint) {
///         auto server = Server<Echo>::listen(loop, endpoint, {.listen = {.reuse_port = true}});
///         if (!server) return Failure(server.error());
///         servers.push_back(std::move(*server));
///         return servers.back().address();
///       }
///       void drain() {
///         for (auto& server : servers) server.drain();
///       }
///     };
///
///     auto served = serve_on_threads({"localhost:0"}, 4,
///                                    [](Loop& loop) { return EchoSite{loop, {}}; }, on_listening);
///
/// `make_site(loop)` is called on each thread, also on several at the same time. It returns a Site,
/// which need not be movable. The first thread listens first: a port 0 becomes a real one, which
/// the others share (ListenOptions::reuse_port). Unix sockets have no reuse_port: only the first
/// thread serves them. `on_listening(addresses)` is called on the first thread once it listens on
/// all endpoints, with one address for each.
///
/// Errors    The first that a listen() or StopSignals::create returns; then all threads have ended.
/// Throws    What make_site or a callback of a loop throws, after all threads have ended;
///           std::system_error as LoopPool::run does.
/// Thread    The calling thread is the first of the threads.
template <class MakeSite>
  requires Site<std::invoke_result_t<MakeSite&, Loop&>>
[[nodiscard]] Result<void> serve_on_threads(
    const std::vector<std::string>& endpoints, std::size_t threads, MakeSite make_site,
    Callback<void(const std::vector<Address>&)> on_listening = [](const auto&) {}) {
  struct Made final : AnySite {
    Made(MakeSite& make, Loop& loop) : site(make(loop)) {}
    Result<Address> listen(const std::string& endpoint) override { return site.listen(endpoint); }
    void drain() override { site.drain(); }
    std::invoke_result_t<MakeSite&, Loop&> site;
  };
  return serve_sites_on_threads(
      endpoints, threads, [&](Loop& loop) { return std::make_unique<Made>(make_site, loop); },
      std::move(on_listening));
}

}  // namespace reactor
#pragma GCC visibility pop
